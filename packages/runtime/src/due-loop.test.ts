import { describe, expect, it } from '@jest/globals'
import { createDueLoop } from './due-loop.ts'
import { keepingLog } from './fakes.test.kit.ts'

const farMs = 3_600_000

/** A loop whose looks begin when it says so and end when the test says so. */
function loopOf() {
  const ends: ((isMore: boolean) => void)[] = []
  const begun: (() => void)[] = []
  const loop = createDueLoop({
    everyMs: farMs,
    log: keepingLog(),
    look: () =>
      new Promise<boolean>((resolve) => {
        ends.push(resolve)
        begun.shift()?.()
      }),
  })
  return {
    ...loop,
    ends,
    /** Resolves when the next look begins. */
    next: () => new Promise<void>((resolve) => begun.push(resolve)),
  }
}

const aTurn = () => new Promise((resolve) => setTimeout(resolve, 0))

describe('a loop that looks for what is due', () => {
  it('looks at once when it is woken, however far the next look is', async () => {
    const loop = loopOf()
    loop.start()
    const next = loop.next()
    loop.wake()
    await next
    loop.stop()
  })

  it('woken while it looks, looks again when that has ended, once', async () => {
    const loop = loopOf()
    loop.start()
    const first = loop.next()
    loop.wake()
    await first
    const second = loop.next()
    loop.wake()
    loop.wake()
    await aTurn()
    expect(loop.ends).toHaveLength(1)
    loop.ends[0]?.(false)
    await second
    loop.ends[1]?.(false)
    await aTurn()
    expect(loop.ends).toHaveLength(2)
    loop.stop()
  })

  it('looks no more once it is stopped, woken or not', async () => {
    const loop = loopOf()
    loop.start()
    const first = loop.next()
    loop.wake()
    await first
    loop.stop()
    loop.ends[0]?.(true)
    loop.wake()
    await aTurn()
    expect(loop.ends).toHaveLength(1)
  })
})
