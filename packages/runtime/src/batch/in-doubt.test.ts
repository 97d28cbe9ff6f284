import { afterEach, describe, expect, it } from '@jest/globals'
import { laneOf, reaction, type RetryPolicy, retryPolicyDefault, service, undo } from '@troupe/core'
import { createRetryLoop } from '../aside/retry-loop.ts'
import { batchOf, type Bench, benchFor, eventType, place, recordOf } from '../kits/bank.test.kit.ts'
import { deferred, until } from '../kits/fakes.test.kit.ts'
import type { DueLoop } from '../loops/due-loop.ts'
import { claimPartition } from './partition.ts'

const Shown = eventType<'Shown', { account: string }>('Shown', 'counter')
const Voided = eventType<'Voided', { account: string }>('Voided', 'counter')
const Charged = eventType<'Charged', { account: string }>('Charged', 'bank')
const Declined = eventType<'Declined', { account: string }>('Declined', 'bank')
const Refunded = eventType<'Refunded', { account: string }>('Refunded', 'bank')

/** Another side that keeps a book: one key takes money once. */
function till() {
  const taken = new Set<string>()
  const side = {
    taken,
    given: 0,
    calls: 0,
    /** `lost`: takes the money, and nobody hears of it. `away`: does nothing. */
    is: 'well' as 'well' | 'lost' | 'away' | 'declining',
    answering: undefined as Promise<void> | undefined,
    async charge(key: string): Promise<'taken' | 'declined'> {
      side.calls += 1
      if (side.is === 'away') throw new Error('connection refused')
      if (side.is === 'declining') return 'declined'
      taken.add(key)
      const { is } = side
      await side.answering
      if (is === 'lost') throw new Error('socket hang up')
      return 'taken'
    },
  }
  return side
}

type Till = ReturnType<typeof till>

/** What the react of a charge does beside its work. */
let stumble = () => {}

function bankAt(side: Till) {
  const charge = reaction({
    on: Shown,
    emits: [Charged, Declined],
    perform: (_event, { idempotencyKey }) => side.charge(idempotencyKey),
    react({ data }, { emit, performed }) {
      stumble()
      emit(performed === 'taken' ? Charged : Declined, { account: data.account })
    },
  })
  const refund = undo(charge, {
    undoes: Charged,
    on: Voided,
    emits: [Refunded],
    react(_event, { emit, done }) {
      emit(Refunded, { account: done.account })
    },
  })
  return service({ name: 'bank', reactions: { charge, refund } })
}

const shown = (offset: number, id = `shown-${offset}`) =>
  recordOf(Shown, { account: 'a' }, { offset, id, saga: 'saga' })
/** Of another key, in another partition. */
const voided = (offset: number) =>
  recordOf(Voided, { account: 'v' }, { offset, partition: 1, id: `voided-${offset}`, saga: 'saga' })
const saidBy = ({ relay }: Bench) =>
  relay.sent.filter(({ topic }) => topic === 'bank.events').map(({ headers }) => String(headers['ce_type']))
const outcomesOf = ({ ledger }: Bench) =>
  Object.fromEntries([...ledger.tables.inbox.values()].map(({ id, outcome }) => [id, outcome]))

const loops: DueLoop[] = []
afterEach(async () => {
  await Promise.all(loops.splice(0).map((loop) => loop.stop()))
  stumble = () => {}
})

/** Two partitions of one process: steps come in the first one, what calls for their undo in the second one. */
async function opened(change: Partial<RetryPolicy> & { readonly performAttemptsMax?: number } = {}) {
  const side = till()
  const { performAttemptsMax = 1, ...policy } = change
  const policyOf = () => ({ ...retryPolicyDefault, delayMs: 1, jitter: 0, ...policy })
  const bench = benchFor({ service: bankAt(side), policyOf, performAttemptsMax })
  const steps = await claimPartition(place, bench)
  const undos = await claimPartition({ ...place, partition: 1 }, bench)
  const partitions = new Map([
    [laneOf(place), { ...place, open: steps }],
    [laneOf({ ...place, partition: 1 }), { ...place, partition: 1, open: undos }],
  ])
  const loop = createRetryLoop({ ...bench, partitions, random: Math.random, everyMs: 1, restMs: 1 })
  loops.push(loop)
  return {
    side,
    bench,
    loop,
    hear: (record: ReturnType<typeof shown>) =>
      record.partition === 0
        ? steps.take(batchOf([record]))
        : undos.take(batchOf([record], { partition: 1 })),
    /** Until nothing is parked any more. */
    async rest() {
      loop.start()
      await until(() => bench.ledger.parkedNow().length === 0)
    },
  }
}

describe('a step whose call was begun, and whose undo comes over another topic', () => {
  it('is asked for again under its key and then undone, where its answer was lost', async () => {
    const { side, bench, hear, rest } = await opened()
    side.is = 'lost'
    await hear(shown(0))
    expect(bench.ledger.parkedNow()).toHaveLength(1)
    await hear(voided(0))
    expect(outcomesOf(bench)).toEqual({ 'voided-0': 'barred' })
    side.is = 'well'
    await rest()
    expect(saidBy(bench)).toEqual(['Charged', 'Refunded'])
    expect(side.taken.size).toBe(1)
    expect(outcomesOf(bench)).toEqual({ 'shown-0': 'applied', 'voided-0': 'applied' })
    expect(await inDoubt(bench)).toEqual([])
  })

  it('is undone once it is redriven, where it was a dead letter', async () => {
    const { side, bench, hear, rest } = await opened({ attempts: 1 })
    side.is = 'lost'
    await hear(shown(0))
    await hear(voided(0))
    expect(outcomesOf(bench)).toEqual({ 'shown-0': 'dead-lettered', 'voided-0': 'barred' })
    side.is = 'well'
    const { found } = await bench.ledger.deadLetters({}, { after: 0n, limit: 5 })
    await bench.ledger.redrive(found, { by: 'ada', reason: 'it answers again' })
    await rest()
    expect(saidBy(bench)).toEqual(['Charged', 'Refunded'])
    expect(side.taken.size).toBe(1)
  })

  it('is undone also by what came behind it for its own key, once it is redriven', async () => {
    const { side, bench, hear, rest } = await opened({ attempts: 1 })
    side.is = 'lost'
    await hear(shown(0))
    await hear({ ...recordOf(Voided, { account: 'a' }, { offset: 1, id: 'behind', saga: 'saga' }) })
    side.is = 'well'
    const { found } = await bench.ledger.deadLetters({}, { after: 0n, limit: 5 })
    await bench.ledger.redrive(found, { by: 'ada', reason: 'it answers again' })
    await rest()
    expect(saidBy(bench)).toEqual(['Charged', 'Refunded'])
    expect(outcomesOf(bench)).toEqual({ 'shown-0': 'applied', behind: 'applied' })
  })

  it.each(['well', 'lost'] as const)(
    'is undone where it was barred during its call, which went %s',
    async (is) => {
      const { side, bench, hear, rest } = await opened()
      const answer = deferred()
      side.is = is
      side.answering = answer.promise
      const taking = hear(shown(0))
      await until(() => side.taken.size === 1)
      await hear(voided(0))
      expect(outcomesOf(bench)).toEqual({ 'voided-0': 'barred' })
      side.is = 'well'
      answer.resolve()
      await taking
      await rest()
      expect(saidBy(bench)).toEqual(['Charged', 'Refunded'])
      expect(side.taken.size).toBe(1)
    },
  )

  it('is undone where its call was answered and its reaction failed, without another call', async () => {
    const { side, bench, hear, rest } = await opened({ attempts: 9 })
    stumble = () => {
      throw new Error('not now')
    }
    await hear(shown(0))
    await hear(voided(0))
    // What the call came to is kept a moment later.
    await until(() => bench.ledger.tables.performed.size === 1)
    stumble = () => {}
    await rest()
    expect(saidBy(bench)).toEqual(['Charged', 'Refunded'])
    expect([side.taken.size, side.calls]).toEqual([1, 1])
  })

  it('stays barred where the other side says that nothing was done', async () => {
    const { side, bench, hear, rest } = await opened()
    side.is = 'away'
    await hear(shown(0))
    await hear(voided(0))
    side.is = 'declining'
    await rest()
    expect(saidBy(bench)).toEqual(['Declined'])
    expect(outcomesOf(bench)).toEqual({ 'shown-0': 'applied', 'voided-0': 'barred' })
    expect(await inDoubt(bench)).toEqual([])
  })

  it('is said to be in doubt, and counted', async () => {
    const { side, bench, hear } = await opened()
    side.is = 'lost'
    await hear(shown(0))
    await hear(voided(0))
    expect(bench.ledger.settled.at(-1)?.doubts?.barred).toMatchObject([{ step: 'Charged', isInDoubt: true }])
    expect(bench.log.lines.filter(({ facts }) => facts['inDoubt'] !== undefined)).toMatchObject([
      { level: 'warn', facts: { saga: 'saga', inDoubt: 'Charged', event: 'voided-0' } },
    ])
  })
})

describe('a step that is barred before its call is begun', () => {
  it('is never called: neither when it comes', async () => {
    const { side, bench, hear } = await opened()
    await hear(voided(0))
    await hear(shown(0))
    expect([side.calls, outcomesOf(bench)]).toEqual([0, { 'shown-0': 'step-barred', 'voided-0': 'barred' }])
    expect(await inDoubt(bench)).toEqual([])
    expect(bench.log.lines.filter(({ facts }) => facts['inDoubt'] !== undefined)).toEqual([])
  })

  it('nor when it was paused, and calls are made again', async () => {
    const { side, bench, hear, rest } = await opened({ performAttemptsMax: 5 })
    side.is = 'away'
    // Opens the breaker.
    await hear(recordOf(Shown, { account: 'b' }, { offset: 0, id: 'first', saga: 'other' }))
    await until(() => bench.breakers.states()['charge'] === 'open')
    await hear(shown(1))
    expect(bench.ledger.parkedNow()).toHaveLength(2)
    await hear(voided(0))
    side.is = 'well'
    await rest()
    expect(saidBy(bench)).toEqual(['Charged'])
    expect(outcomesOf(bench)).toMatchObject({ 'shown-1': 'step-barred', 'voided-0': 'barred' })
  })

  it('nor by another event that asks for it, while the call of the first one is in doubt', async () => {
    const { side, bench, hear, rest } = await opened({ attempts: 9 })
    side.is = 'lost'
    await hear(shown(0))
    await hear(voided(0))
    side.is = 'well'
    await hear(recordOf(Shown, { account: 'z' }, { offset: 1, id: 'second', saga: 'saga' }))
    expect(outcomesOf(bench)).toMatchObject({ second: 'step-barred' })
    await rest()
    expect(saidBy(bench)).toEqual(['Charged', 'Refunded'])
    expect(side.taken.size).toBe(1)
  })

  it('nor where nobody could undo it: older code keeps nothing of what barred it', async () => {
    const { side, bench, hear, rest } = await opened()
    side.is = 'lost'
    await hear(shown(0))
    const steps = [
      { saga: 'saga', step: 'Charged', state: 'barred', expectedState: undefined, done: null, touched: [] },
    ] as const
    bench.ledger.remember({ steps })
    side.is = 'well'
    await rest()
    expect([side.calls, outcomesOf(bench)]).toEqual([1, { 'shown-0': 'step-barred' }])
  })
})

async function inDoubt({ ledger }: Bench) {
  return (await ledger.recall({ ...emptyRequest, doubts: [{ saga: 'saga', step: 'Charged' }] })).doubts
}

const emptyRequest = { events: [], documents: [], steps: [], answers: [] }
