import { afterEach, describe, expect, it, jest } from '@jest/globals'
import { createDueLoop, type DueLoop } from './due-loop.ts'
import { keepingLog } from '../kits/fakes.test.kit.ts'

const everyMs = 1_000
const restMs = 100

let loop: DueLoop | undefined
afterEach(() => {
  void loop?.stop()
  jest.useRealTimers()
})

/** A loop whose looks end when the test says so, by a clock that the test moves. */
function begin() {
  jest.useFakeTimers()
  const ends: { resolve(nextMs?: number): void; reject(error: unknown): void }[] = []
  const log = keepingLog()
  loop = createDueLoop({
    what: 'look',
    everyMs,
    restMs,
    log,
    look: () => new Promise((resolve, reject) => void ends.push({ resolve, reject })),
  })
  loop.start()
  return {
    loop,
    log,
    looks: () => ends.length,
    pass: (ms: number) => jest.advanceTimersByTimeAsync(ms),
    /** The look that is being made ends. */
    async end(nextMs?: number) {
      ends.at(-1)?.resolve(nextMs)
      await jest.advanceTimersByTimeAsync(0)
    },
    async fail() {
      ends.at(-1)?.reject(new Error('no answer'))
      await jest.advanceTimersByTimeAsync(0)
    },
  }
}

/** One whose first look has ended with this. */
async function after(nextMs?: number) {
  const begun = begin()
  await begun.pass(0)
  await begun.end(nextMs)
  expect(begun.looks()).toBe(1)
  return begun
}

describe('a loop that looks for what is due', () => {
  it.each<[number | undefined, number, string]>([
    [undefined, everyMs, 'the next round, where nothing is known'],
    [400, 400, 'until the next is due'],
    [399.2, 400, 'not a part of a millisecond less'],
    [60_000, everyMs, 'no longer than to the next round'],
    [3, restMs, 'a moment at least, for what is due soon after'],
    [-5_000, restMs, 'a moment at least, also where something is due already'],
  ])('told that something is due in %p ms waits %p ms: %s', async (nextMs, waitMs, _why) => {
    const { looks, pass } = await after(nextMs)
    await pass(waitMs - 1)
    expect(looks()).toBe(1)
    await pass(1)
    expect(looks()).toBe(2)
  })

  it('looks at once when it is woken, however far the next look is', async () => {
    const { loop: woken, looks, pass } = await after()
    woken.wake()
    await pass(0)
    expect(looks()).toBe(2)
  })

  it('woken while it looks, looks again when that has ended, once', async () => {
    const { loop: woken, looks, pass, end } = begin()
    await pass(0)
    woken.wake()
    woken.wake()
    await pass(everyMs)
    expect(looks()).toBe(1)
    await end()
    expect(looks()).toBe(2)
    await end()
    await pass(everyMs - 1)
    expect(looks()).toBe(2)
  })

  it('asks whoever does not answer again only at the next round, woken or not, and says so once', async () => {
    const { loop: woken, looks, pass, fail, log } = begin()
    await pass(0)
    woken.wake()
    await fail()
    await pass(everyMs - 1)
    expect(looks()).toBe(1)
    await pass(1)
    await fail()
    expect(looks()).toBe(2)
    expect(log.lines.filter(({ level }) => level === 'warn')).toMatchObject([
      { message: expect.stringMatching(/could not look, and looks again: no answer/) },
    ])
  })

  it('looks no more once it is stopped, woken or not', async () => {
    const { loop: stopped, looks, pass } = await after()
    await stopped.stop()
    stopped.wake()
    await pass(2 * everyMs)
    expect(looks()).toBe(1)
  })

  it('has stopped when the look that was being made has ended, and makes no other', async () => {
    const { loop: stopped, looks, pass, end } = begin()
    await pass(0)
    let hasStopped = false
    const stopping = stopped.stop().then(() => (hasStopped = true))
    stopped.wake()
    await pass(everyMs)
    expect(hasStopped).toBe(false)
    await end(0)
    await stopping
    await pass(everyMs)
    expect(looks()).toBe(1)
  })
})
