import { afterEach, describe, expect, it, jest } from '@jest/globals'
import type { DueKey, DueKeys, KeyPlace, TopicPartition } from '@troupe/core'
import type { CallsAllowed } from '../calls/breaker.ts'
import type { DueLoop } from '../loops/due-loop.ts'
import { deferred, keepingLog } from '../kits/fakes.test.kit.ts'
import { inHandMax } from './parked.ts'
import type { OpenPartition } from '../batch/partition.ts'
import { createRetryLoop } from './retry-loop.ts'
import type { Retried } from './retry-parked.ts'

const everyMs = 1_000
const restMs = 100
const topic = 'counter.events'
const all: Retried = { tried: 1, isMore: false }
const none: Retried = { tried: 0, isMore: false }

/** Keys of one partition that are due. */
const due = (partition: number, count: number, pausedFor?: string): readonly DueKey[] =>
  Array.from({ length: count }, (_, n) => ({ topic, partition, key: `k${n}`, pausedFor }))

/** A partition that takes what it is given, up to its hands, until a test says what came of it. */
function stubPartition(partition: number) {
  const given: (readonly KeyPlace[])[] = []
  const ends: ((came: Retried) => void)[] = []
  const parked = { inHand: 0 }
  const retry = async (keys: readonly KeyPlace[]) => {
    const taken = Math.min(keys.length, inHandMax - parked.inHand)
    parked.inHand += taken
    given.push(keys)
    const { promise, resolve } = deferred<Retried>()
    ends.push(resolve)
    const came = await promise
    parked.inHand -= taken
    return came
  }
  const open = { parked, retry } as unknown as OpenPartition
  return {
    place: { topic, partition, open },
    given,
    parked,
    end: (nth: number, came: Retried) => ends[nth]?.(came),
  }
}

let loop: DueLoop | undefined
afterEach(() => {
  void loop?.stop()
  jest.useRealTimers()
})

/** A loop that is told what is due, by a clock that the test moves. */
async function begin(partitions: number, first: Partial<DueKeys> = {}) {
  jest.useFakeTimers()
  const stubs = Array.from({ length: partitions }, (_, n) => stubPartition(n))
  const asked: {
    readonly partitions: number[]
    readonly max: number
    readonly calling?: readonly string[] | undefined
  }[] = []
  const allowed = new Map<string, CallsAllowed>()
  const answer = { keys: first.keys ?? [], nextMs: first.nextMs }
  loop = createRetryLoop({
    ledger: {
      async dueKeys(places: readonly TopicPartition[], max, calling) {
        asked.push({ partitions: places.map(({ partition }) => partition), max, calling })
        return answer
      },
    },
    partitions: new Map(stubs.map(({ place }) => [`${topic}/${place.partition}`, place])),
    breakers: { allowed: () => new Map(allowed) },
    random: () => 0,
    everyMs,
    restMs,
    log: keepingLog(),
  })
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms)
  loop.start()
  if (first.keys !== undefined || first.nextMs !== undefined) await pass(0)
  return { stubs, asked, answer, allowed, pass }
}

describe('failure 17: parked keys that are due', () => {
  it('are looked for again when the next one is due, not only at the next round', async () => {
    const { asked, pass } = await begin(1, { nextMs: 300 })
    await pass(299)
    expect(asked).toHaveLength(1)
    await pass(1)
    expect(asked).toHaveLength(2)
  })

  it('wait a moment for company', async () => {
    const { asked, pass } = await begin(1, { nextMs: 2 })
    await pass(restMs - 1)
    expect(asked).toHaveLength(1)
    await pass(1)
    expect(asked).toHaveLength(2)
  })

  it('do not wait for what is slow to be tried, of other partitions or of their own', async () => {
    const { stubs, answer, pass } = await begin(2, { keys: [...due(0, 3), ...due(1, 3)], nextMs: 200 })
    expect(stubs.map(({ given }) => given.length)).toEqual([1, 1])
    answer.keys = due(1, 5)
    await pass(200)
    expect(stubs.map(({ given }) => given.length)).toEqual([1, 2])
  })

  it('are followed at once by the next page where one is full, and has been tried', async () => {
    const { stubs, asked, pass } = await begin(2, { keys: due(0, inHandMax) })
    stubs[0]?.end(0, all)
    await pass(0)
    expect(asked).toHaveLength(2)
    expect(stubs[0]?.given).toHaveLength(2)
  })

  it('are not looked for without a pause where none of a full page could be tried', async () => {
    const { stubs, asked, pass } = await begin(1, { keys: due(0, inHandMax) })
    stubs[0]?.end(0, none)
    await pass(everyMs - 1)
    expect(asked).toHaveLength(1)
    await pass(1)
    expect(asked).toHaveLength(2)
  })

  it('are looked for at once where more of a key that was tried is due', async () => {
    const { stubs, asked, pass } = await begin(1, { keys: due(0, 1) })
    stubs[0]?.end(0, { tried: 25, isMore: true })
    await pass(0)
    expect(asked).toHaveLength(2)
  })

  it('are asked for beyond those that are in hand, and of no partition whose hands are full', async () => {
    const { stubs, asked, answer, pass } = await begin(2, { keys: [...due(0, inHandMax), ...due(1, 7)] })
    expect(asked).toEqual([{ partitions: [0, 1], max: inHandMax, calling: undefined }])
    answer.keys = []
    await pass(everyMs)
    expect(asked[1]).toMatchObject({ partitions: [1], max: inHandMax + 7 })
    stubs[0]?.end(0, all)
    await pass(0)
    expect(asked[2]).toMatchObject({ partitions: [0, 1] })
  })

  it('are tried for no other call while one is made to find out, and all at once when it has succeeded', async () => {
    const { stubs, asked, answer, allowed, pass } = await begin(1)
    answer.keys = due(0, 3, 'charge')
    allowed.set('charge', 'one')
    await pass(0)
    expect(stubs[0]?.given).toEqual([due(0, 1, 'charge')])
    answer.keys = []
    await pass(everyMs)
    expect(asked.map(({ calling }) => calling)).toEqual([['charge'], []])
    allowed.set('charge', 'all')
    stubs[0]?.end(0, all)
    await pass(0)
    expect(asked[2]).toMatchObject({ calling: undefined })
  })
})
