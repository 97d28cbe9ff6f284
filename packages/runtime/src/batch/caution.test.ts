import { afterEach, describe, expect, it } from '@jest/globals'
import { deadLetterHeaders, logPlaceOf, retryPolicyDefault, type TopicPartition } from '@troupe/core'
import { bank, batchOf, type Bench, benchFor, payments, place, tricks } from '../kits/bank.test.kit.ts'
import { createCaution } from './caution.ts'
import { deferred, fakeLedger } from '../kits/fakes.test.kit.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { claimPartition, type OpenPartition } from './partition.ts'

afterEach(() => tricks.clear())

/**
 * Processes that have a ledger in common and die when they come across what is lethal: from then on, nothing
 * of theirs is answered.
 */
function mortals() {
  const ledger = fakeLedger()
  let death = deferred<'died'>()
  let life = { isOver: false }
  const benches: Bench[] = []
  const state = { runs: 0, isMended: false }
  const die = () => {
    life.isOver = true
    death.resolve('died')
  }
  tricks.set('lethal', () => {
    state.runs += 1
    if (!state.isMended) die()
  })
  return {
    ledger,
    state,
    die,
    /** A process that claims these partitions. */
    async start(...places: readonly [TopicPartition, ...TopicPartition[]]) {
      const mine = (life = { isOver: false })
      death = deferred<'died'>()
      const bench = benchFor({
        ledger: new Proxy(ledger, {
          get: (target, name) =>
            mine.isOver ? () => new Promise(() => {}) : (Reflect.get(target, name) as unknown),
        }),
        policyOf: () => ({ ...retryPolicyDefault, delayMs: 0, jitter: 0 }),
      })
      benches.push(bench)
      const opened: OpenPartition[] = []
      for (const one of places) opened.push(await claimPartition(one, bench))
      return opened as [OpenPartition, ...OpenPartition[]]
    },
    /** What comes first: it is done, or the process has died. */
    ended: (work: Promise<unknown>) => Promise.race([work.then(() => 'done' as const), death.promise]),
    letters: () =>
      benches
        .flatMap(({ relay }) => relay.sent)
        .filter(({ topic }) => topic === bank.deadLetterTopic)
        .map(({ headers }) => [headers[deadLetterHeaders.offset], headers[deadLetterHeaders.code]]),
    booked: (key: string) =>
      (ledger.tables.documents.get(`account/${key}`)?.state as { booked?: number[] } | undefined)?.booked ??
      [],
  }
}

const lethalBatch = () =>
  batchOf(payments(0, [{ account: 'a' }, { account: 'b', trick: 'lethal' }, { account: 'b' }, {}]))

const livesMax = 12

/** One process after the other, until one of them gets through. @returns how many there were */
async function live(life: () => Promise<boolean>): Promise<number> {
  for (let lives = 1; lives <= livesMax; lives += 1) if (await life()) return lives
  throw new Error(`${livesMax} processes have died.`)
}

describe('an event that kills its process', () => {
  it('is a dead letter after it has done so alone three times, and everything else is applied', async () => {
    const { start, ended, letters, booked, state } = mortals()
    const lives = await live(async () => {
      const [partition] = await start(place)
      return (await ended(partition.take(lethalBatch()))) === 'done'
    })
    // Twice with its neighbours, three times alone.
    expect([state.runs, lives]).toEqual([5, 6])
    expect(letters()).toEqual([['1', 'TROUPE_EVENT_LETHAL']])
    expect([booked('a'), booked('b')]).toEqual([[0, 3], [2]])
  })

  it('is a dead letter, too, where it was parked, and lets its followers go', async () => {
    const { start, ended, ledger, letters, booked, state } = mortals()
    const lethal = tricks.get('lethal') as () => void
    tricks.set('broken', () => {
      throw new Error('could not tell')
    })
    const parking = [{ account: 'a', trick: 'broken' }, { account: 'a' }, { account: 'b' }]
    await (await start(place))[0].take(batchOf(payments(0, parking)))
    tricks.set('broken', lethal)
    let offset = 3
    await live(async () => {
      const [partition] = await start(place)
      // That the partition gets on is no sign that nobody dies.
      await partition.take(batchOf(payments(offset++, [{ account: 'c' }])))
      for (let looks = 0; looks < 3; looks += 1) {
        const { keys: due } = await ledger.dueKeys([place], 100)
        if (due.length === 0) return true
        if ((await ended(partition.retry(due))) === 'died') return false
      }
      return false
    })
    expect(letters()).toEqual([['0', 'TROUPE_EVENT_LETHAL']])
    expect(state.runs).toBeGreaterThanOrEqual(4)
    expect([booked('a'), booked('b')]).toEqual([[1], [2]])
  })

  it('is applied once it was mended and redriven', async () => {
    const { start, ended, ledger, state, booked } = mortals()
    await live(async () => {
      const [partition] = await start(place)
      return (await ended(partition.take(lethalBatch()))) === 'done'
    })
    state.isMended = true
    await ledger.redrive([{ id: `${place.topic}/0/1` }], { by: 'ada', reason: 'mended' })
    const [partition] = await start(place)
    await partition.retry((await ledger.dueKeys([place], 100)).keys)
    expect(booked('b')).toEqual([2, 1])
  })

  it('is not looked for where partitions are let go of, however often', async () => {
    const { start, ledger } = mortals()
    for (let n = 0; n < 10; n += 1) await (await start(place))[0].release()
    const [partition] = await start(place)
    ledger.calls = []
    await partition.take(batchOf(payments(0, [{}, {}])))
    expect(ledger.calls).toEqual(['recall', 'settle'])
  })

  it('is looked for among what is parked where that is of a topic that was made again, whatever its offset', async () => {
    const { ledger } = mortals()
    const of = (life: number, offset: bigint) => logPlaceOf({ life, offset })
    const cautious = (suspect: bigint) => {
      const claim = { ...place, epoch: 9, next: 3n, life: 1, unrest: { claims: 1, claimsHere: 1, suspect } }
      const { isNeededFor } = createCaution(claim, { ...benchFor({ ledger }), inTurn: oneAtATime() })
      return [isNeededFor('batches'), isNeededFor('parked')]
    }
    expect(cautious(of(0, 7n))).toEqual([false, true])
    expect(cautious(of(1, 2n))).toEqual([false, true])
    expect(cautious(of(1, 7n))).toEqual([true, false])
  })

  it('is told from one that was in hand when its process was killed, which is applied', async () => {
    const { start, ended, letters, booked, die } = mortals()
    let kills = 2
    tricks.set('unlucky', () => {
      if (kills-- > 0) die()
    })
    // Killed before they took anything, too: nobody is to blame for that.
    for (let n = 0; n < 5; n += 1) await start(place)
    await live(async () => {
      const [partition] = await start(place)
      return (await ended(partition.take(batchOf(payments(0, [{}, { trick: 'unlucky' }]))))) === 'done'
    })
    expect(letters()).toEqual([])
    expect(booked('a')).toEqual([0, 1])
  })

  it('gets nobody blamed who was in hand in another partition', async () => {
    const { start, ended, letters, booked } = mortals()
    const other = { ...place, partition: 1 }
    const innocent = () =>
      batchOf(
        payments(0, [{ account: 'z', id: 'innocent' }]).map((record) => ({ ...record, partition: 1 })),
        { partition: 1 },
      )
    await live(async () => {
      const [one, two] = await start(place, other)
      const ends = await Promise.all([ended(one.take(lethalBatch())), ended((two ?? one).take(innocent()))])
      return !ends.includes('died')
    })
    expect(letters()).toEqual([['1', 'TROUPE_EVENT_LETHAL']])
    expect(booked('z')).toEqual([0])
  })
})
