import { describe, expect, it } from '@jest/globals'
import { terminalOn } from '../terminal/terminal.ts'
import { type Clock, workOff, type WorkOffOptions } from './work-off.ts'

/** So many of them, in pages of this size. */
function* pages(count: number, size = 1_000): Iterable<readonly number[]> {
  for (let start = 0; start < count; start += size)
    yield Array.from({ length: Math.min(size, count - start) }, (_, nth) => start + nth)
}

/** A clock that stands still, except for pauses and for what an act takes. */
function standing() {
  const clock: Clock & { atMs: number } = {
    atMs: 50_000,
    nowMs: () => clock.atMs,
    async pause(ms, signal) {
      if (!signal.aborted) clock.atMs += ms
    },
  }
  return clock
}

type Options = WorkOffOptions<number>

/** Works off, and tells what was sent, when, and what was said. */
async function working(part: Pick<Options, 'pages' | 'total'> & Partial<Options>) {
  const clock = standing()
  const sent: (readonly [atMs: number, count: number])[] = []
  let notes = ''
  const ended = await workOff<number>({
    rate: undefined,
    names: 'dead letters',
    did: (count) => `${count} redriven`,
    signal: new AbortController().signal,
    terminal: terminalOn({ write: () => {} }, { write: (text) => (notes += text) }, {}),
    clock,
    ...part,
    async act(portion) {
      sent.push([clock.atMs - 50_000, portion.length])
      clock.atMs += 300
      return part.act ? await part.act(portion) : portion.length
    },
  }).catch((error: unknown) => error)
  return { ended, sent, notes }
}

describe('what is worked off', () => {
  it('is sent as fast as it goes, in portions that one request may name', async () => {
    const { ended, sent } = await working({ pages: pages(1_200), total: 1_200 })
    expect(ended).toEqual({ selected: 1_200, done: 1_200 })
    expect(sent).toEqual([
      [0, 500],
      [300, 500],
      [600, 200],
    ])
  })

  it('is sent at most so many a second, what the requests take included', async () => {
    const { ended, sent } = await working({ pages: pages(450, 250), total: 450, rate: 100 })
    expect(ended).toEqual({ selected: 450, done: 450 })
    expect(sent).toEqual([
      [0, 100],
      [1_000, 100],
      [2_000, 50],
      [2_500, 100],
      [3_500, 100],
    ])
  })

  it('is let be between two portions when somebody stops it, and what was done is said', async () => {
    const stop = new AbortController()
    const asked = new Error('stopped by SIGINT')
    let portions = 0
    const { ended, sent, notes } = await working({
      pages: pages(3_000),
      total: 3_000,
      signal: stop.signal,
      async act(portion) {
        portions += 1
        if (portions === 2) stop.abort(asked)
        return portion.length
      },
    })
    expect(ended).toBe(asked)
    expect(sent.map(([, portion]) => portion)).toEqual([500, 500])
    expect(notes).toContain('1000 redriven before this.')
  })

  it('is let be while it waits for its time', async () => {
    const stop = new AbortController()
    const asked = new Error('stopped by SIGTERM')
    const { ended, sent } = await working({
      pages: pages(300),
      total: 300,
      rate: 100,
      signal: stop.signal,
      clock: {
        nowMs: () => 0,
        async pause(ms) {
          if (ms > 0) stop.abort(asked)
        },
      },
    })
    expect([ended, sent.length]).toEqual([asked, 1])
  })

  it('counts what was done, not what was sent, also where a request fails in the end', async () => {
    const away = new Error('it does not answer')
    let portions = 0
    const { ended, notes } = await working({
      pages: pages(1_500),
      total: 1_500,
      async act() {
        portions += 1
        if (portions === 3) throw away
        return 7
      },
    })
    expect(ended).toBe(away)
    expect(notes).toContain('14 redriven before this.')
  })
})
