// What is set aside of a topic that is deleted and made again, so that the same offsets come once more.
import { afterEach, describe, expect, it } from '@jest/globals'
import { deadLetterHeaders, headerNames, retryPolicyDefault } from '@troupe/core'
import { bank, batchOf, type Bench, benchFor, payments, place, tricks } from '../kits/bank.test.kit.ts'
import { claimPartition, type OpenPartition } from './partition.ts'

afterEach(() => tricks.clear())

const oneChance = () => ({ ...retryPolicyDefault, attempts: 2, delayMs: 0, jitter: 0 })

/** A partition of a topic, and of those that are made in its place. */
async function topics() {
  const bench = benchFor({ policyOf: oneChance })
  return {
    bench,
    first: await claimPartition(place, bench, { id: 'topic 0' }),
    made: (nth: number) => claimPartition(place, bench, { id: `topic ${nth}`, replaces: `topic ${nth - 1}` }),
  }
}

async function retryDue({ ledger }: Bench, partition: OpenPartition): Promise<void> {
  await partition.retry((await ledger.dueKeys([place], 1_000)).keys)
}

const bookedIn = ({ ledger }: Bench, key = 'a') =>
  (ledger.tables.documents.get(`account/${key}`)?.state as { booked?: number[] } | undefined)?.booked ?? []
const lettersOf = ({ relay }: Bench) => relay.sent.filter(({ topic }) => topic === bank.deadLetterTopic)

/** The same offsets as ever, other events. */
const of = (life: number, all: Parameters<typeof payments>[1]) =>
  payments(
    0,
    all.map((data, offset) => ({ cents: life * 10 + offset, id: `e${life}/${offset}`, ...data })),
  )

function broken() {
  const state = { isMended: false }
  tricks.set('broken', () => {
    if (!state.isMended) throw new Error('could not tell')
  })
  return state
}

describe('failure 28: what is parked of a topic that is made again', () => {
  it('keeps what comes for its key in the new one behind it, also the second time', async () => {
    const { bench, first, made } = await topics()
    const state = broken()
    await first.take(batchOf(of(0, [{ trick: 'broken' }, {}])))
    const second = await made(1)
    await second.take(batchOf(of(1, [{}, {}, { account: 'b' }])))
    const third = await made(2)
    await third.take(batchOf(of(2, [{}])))
    expect([bookedIn(bench), bookedIn(bench, 'b')]).toEqual([[], [12]])
    state.isMended = true
    await retryDue(bench, third)
    expect(bookedIn(bench)).toEqual([0, 1, 10, 11, 20])
    expect(bench.ledger.parkedNow()).toEqual([])
  })

  it('is tried although nothing of the new one has come yet, and moves no position', async () => {
    const { bench, first, made } = await topics()
    const state = broken()
    await first.take(batchOf(of(0, [{ trick: 'broken' }])))
    const second = await made(1)
    state.isMended = true
    await retryDue(bench, second)
    expect(bookedIn(bench)).toEqual([0])
    expect(bench.ledger.tables.positions.get(`${place.topic}/0`)).toMatchObject({ next: undefined, life: 1 })
    await second.take(batchOf(of(1, [{}])))
    expect(bookedIn(bench)).toEqual([0, 10])
  })

  it('is a dead letter of its own, which a redrive tries as the event that it was', async () => {
    const { bench, first, made } = await topics()
    const state = broken()
    const both = [{ trick: 'broken' }]
    await first.take(batchOf(of(0, both)))
    await retryDue(bench, first)
    const second = await made(1)
    await second.take(batchOf(of(1, both)))
    await retryDue(bench, second)
    const ids = [`${place.topic}/0/0`, `${place.topic}/0/0~1`]
    const { found } = await bench.ledger.deadLetters({}, { after: 0n, limit: 10 })
    expect(found.map(({ id, event }) => [id, event?.id])).toEqual([
      [ids[0], 'e0/0'],
      [ids[1], 'e1/0'],
    ])
    expect(lettersOf(bench).map(({ headers }) => headers[deadLetterHeaders.letter])).toEqual(ids)
    state.isMended = true
    for (const id of ids.toReversed()) await bench.ledger.redrive([{ id }], { by: 'ada', reason: 'mended' })
    await retryDue(bench, second)
    expect(bookedIn(bench)).toEqual([0, 10])
  })

  it('goes by the id that it had, where its producer gave it none', async () => {
    const { bench, first, made } = await topics()
    const state = broken()
    const nameless = (records: ReturnType<typeof of>, timestampMs: number) =>
      records.map((record) => ({
        ...record,
        timestampMs,
        headers: { ...record.headers, [headerNames.id]: undefined },
      }))
    await first.take(batchOf(nameless(of(0, [{ trick: 'broken' }]), 5)))
    const second = await made(1)
    await second.take(batchOf(nameless(of(1, [{}]), 6)))
    state.isMended = true
    await retryDue(bench, second)
    expect(bookedIn(bench)).toEqual([0, 10])
    const names = [...bench.ledger.tables.inbox.values()].map(({ id }) => id)
    expect(names).toEqual([`${place.topic}/0/0@5`, `${place.topic}/0/0@6`])
  })
})
