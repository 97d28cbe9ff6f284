import { describe, expect, it } from '@jest/globals'
import type { Forgettable } from '@troupe/core'
import { keepingLog, unreachable, until } from '../kits/fakes.test.kit.ts'
import { createRetention } from './retention.ts'

const quick = { everyMs: 1, restMs: 1 }

describe('retention', () => {
  it('walks through each kind to its end, again and again, and counts what went', async () => {
    const asked: string[] = []
    const counts = new Map<Forgettable, number>()
    let trouble = 1
    const walking = createRetention({
      ...quick,
      ledger: {
        async forget(what, olderThanMs, from = 0n) {
          asked.push(`${what} ${olderThanMs} ${from}`)
          if (from === 128n && trouble-- > 0) throw unreachable()
          return { forgotten: 2, next: what === 'inbox' && from < 128n ? from + 128n : undefined }
        },
      },
      log: keepingLog(),
      retentionMs: {
        inbox: 10,
        answers: 20,
        performed: undefined,
        deadLetters: undefined,
        actions: undefined,
      },
      onForgotten: (what, count) => void counts.set(what, (counts.get(what) ?? 0) + count),
    })
    walking.start()
    walking.start()
    await until(() => asked.length >= 5)
    walking.stop()
    expect(asked.slice(0, 5)).toEqual([
      'inbox 10 0',
      'inbox 10 128',
      'inbox 10 128',
      'answers 20 0',
      'inbox 10 0',
    ])
    expect(counts.get('inbox')).toBeGreaterThanOrEqual(4)
    const before = asked.length
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(asked.length).toBeLessThanOrEqual(before + 1)
  })

  it('leaves alone what is kept for ever', async () => {
    const asked = new Set<Forgettable>()
    const walking = createRetention({
      ...quick,
      ledger: {
        async forget(what) {
          asked.add(what)
          return { forgotten: 0, next: undefined }
        },
      },
      log: keepingLog(),
      retentionMs: {
        inbox: undefined,
        answers: 1,
        performed: undefined,
        deadLetters: undefined,
        actions: undefined,
      },
      onForgotten() {},
    })
    walking.start()
    await until(() => asked.size > 0)
    walking.stop()
    expect([...asked]).toEqual(['answers'])
  })
})
