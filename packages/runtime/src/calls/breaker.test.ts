import { afterEach, describe, expect, it } from '@jest/globals'
import { type BreakerPolicy, causeIdOf, laneOf, reaction, retryPolicyDefault, service } from '@troupe/core'
import {
  batchOf,
  type Bench,
  benchFor,
  eventType,
  PaidIn,
  type Paid,
  payments,
  place,
  recordOf,
} from '../kits/bank.test.kit.ts'
import { type BreakerState, createBreakers } from './breaker.ts'
import type { DueLoop } from '../loops/due-loop.ts'
import { deferred, keepingLog, until } from '../kits/fakes.test.kit.ts'
import { deriveId } from '../batch/ids.ts'
import { claimPartition, type PartitionOptions } from '../batch/partition.ts'
import { createRetryLoop } from '../aside/retry-loop.ts'

const Charged = eventType<'Charged', { account: string }>('Charged', 'bank')

const Noted = eventType<'Noted', { account: string }>('Noted', 'counter')

/** A bank that asks outside before it books, and notes without asking. */
function chargingBank(call: (data: Paid) => Promise<unknown>, breaker?: Partial<BreakerPolicy> | false) {
  const charge = reaction({
    on: PaidIn,
    emits: [Charged],
    perform: ({ data }) => call(data),
    ...(breaker === undefined ? {} : { breaker }),
    react({ data }, { emit }) {
      emit(Charged, { account: data.account })
    },
  })
  const note = reaction({
    on: Noted,
    emits: [Charged],
    react({ data }, { emit }) {
      emit(Charged, { account: data.account })
    },
  })
  return service({ name: 'bank', reactions: { charge, note } })
}

/** Another side that a test takes away and gives back, and that counts who asked. */
function outside() {
  const asked: string[] = []
  const side = {
    asked,
    isAway: true,
    async call({ account, trick }: Paid): Promise<unknown> {
      asked.push(account)
      if (side.isAway || trick !== undefined) throw new Error('away')
      return 'receipt'
    },
  }
  return side
}

const keys = (count: number) => Array.from({ length: count }, (_, n) => ({ account: `a${n}` }))
const outcomesOf = ({ ledger }: Bench) => ledger.outcomes()
const said = ({ log }: Pick<Bench, 'log'>) =>
  log.lines.flatMap(({ facts }) => (facts['breaker'] === undefined ? [] : [facts['breaker'] as BreakerState]))

/** A partition, and the loop that tries again what is parked in it. */
async function opened(change: Partial<PartitionOptions>) {
  const bench = benchFor(change)
  const partition = await claimPartition(place, bench)
  const partitions = new Map([[laneOf(place), { ...place, open: partition }]])
  const loop = createRetryLoop({ ...bench, partitions, random: Math.random, everyMs: 1, restMs: 1 })
  loops.push(loop)
  return { bench, partition, partitions, loop }
}

const loops: DueLoop[] = []
afterEach(() => Promise.all(loops.splice(0).map((loop) => loop.stop())))

const parkedIn = async ({ ledger }: Bench) => (await ledger.parkedKeys({}, { after: 0n, limit: 1_000 })).found
const chargedIn = ({ relay }: Bench) =>
  relay.sent.map(({ key, headers }) => `${String(key)} ${String(headers['ce_causationid'])}`)

describe('an open breaker', () => {
  it.each([1, 50])(
    'parks %i keys as long as the other side is away, and sets none of them aside: they have not failed',
    async (count) => {
      const side = outside()
      const { bench, partition, loop } = await opened({
        service: chargingBank(side.call),
        performAttemptsMax: 5,
      })
      const state = () => bench.breakers.states()['charge']
      expect(state()).toBe('closed')
      await partition.take(batchOf(payments(0, keys(count))))
      expect([state(), bench.ledger.parkedNow().length]).toEqual(['open', count])
      loop.start()
      await until(() => said(bench).filter((one) => one === 'half-open').length >= 8)
      expect(partition.parked.state).toMatchObject({ keys: count, paused: count })
      for (const one of await parkedIn(bench)) {
        expect(one).toMatchObject({
          state: 'paused',
          attempts: 0,
          nextAtMs: undefined,
          lastFailedAtMs: undefined,
          failure: {
            reaction: 'charge',
            code: 'TROUPE_CALLS_PAUSED',
            group: 'charge-paused',
            stack: undefined,
          },
        })
        expect(one.failure?.message).toMatch(/^The calls of charge are paused: .*the last one said: away$/)
      }
      side.isAway = false
      await until(() => bench.ledger.parkedNow().length === 0)
      expect(outcomesOf(bench)).toEqual(keys(count).map(() => 'applied'))
      expect(state()).toBe('closed')
      expect([said(bench)[0], said(bench).at(-1)]).toEqual(['open', 'closed'])
    },
  )

  it('keeps nobody who calls nobody, nor the partition’s next batches; followers come back in order, each once', async () => {
    const side = outside()
    const { bench, partition, loop } = await opened({ service: chargingBank(side.call) })
    const noted = (offset: number, key: string) => recordOf(Noted, { account: key }, { offset })
    await partition.take(batchOf([...payments(0, keys(8)), noted(8, 'quiet'), noted(9, 'a0')]))
    const asked = side.asked.length
    await partition.take(
      batchOf([noted(10, 'quiet'), ...payments(11, [{ account: 'a0' }, { account: 'new' }])]),
    )
    // Whom the breaker stops is not called for; what is behind him of his key waits with him, whatever it is.
    expect(side.asked).toHaveLength(asked)
    expect(bench.relay.sent.map(({ key }) => key)).toEqual(['quiet', 'quiet'])
    expect(partition.parked.state).toMatchObject({ keys: 9, events: 11 })
    side.isAway = false
    loop.start()
    await until(() => bench.ledger.parkedNow().length === 0)
    const ofFirst = chargedIn(bench).filter((one) => one.startsWith('a0 '))
    expect(ofFirst).toEqual(['a0 e0/0', 'a0 e0/9', 'a0 e0/11'])
    expect(new Set(chargedIn(bench)).size).toBe(13)
    expect(side.asked.filter((one) => one === 'new')).toHaveLength(1)
  })

  it('makes one call at a time until one succeeds, and none in a batch', async () => {
    let [now, most, trials] = [0, 0, 0]
    let isAway = true
    const { bench, partition, loop } = await opened({
      service: chargingBank(async () => {
        // Those that were under way when it opened do not count.
        const isTrial = bench.breakers.states()['charge'] !== 'closed'
        if (isTrial) [most, trials] = [Math.max(most, ++now), trials + 1]
        await new Promise((resolve) => setTimeout(resolve, 5))
        if (isTrial) now -= 1
        if (isAway) throw new Error('away')
        return null
      }),
    })
    await partition.take(batchOf(payments(0, keys(30))))
    await until(() => bench.breakers.allowed().get('charge') === 'one')
    await partition.take(batchOf(payments(30, [{ account: 'new' }])))
    expect(trials).toBe(0)
    loop.start()
    await until(() => said(bench).filter((one) => one === 'half-open').length >= 5)
    isAway = false
    await until(() => bench.ledger.parkedNow().length === 0)
    expect(most).toBe(1)
  })

  it('lets a trial that hangs hold up nobody, and looks for nothing that waits for it', async () => {
    const hung = deferred()
    const side = outside()
    const { bench, partition, loop } = await opened({
      service: chargingBank(async (data) => {
        if (bench.breakers.states()['charge'] !== 'closed') await hung.promise
        return side.call(data)
      }),
    })
    await partition.take(batchOf(payments(0, keys(10))))
    loop.start()
    await until(() => bench.breakers.states()['charge'] === 'half-open')
    await partition.take(batchOf([recordOf(Noted, { account: 'quiet' }, { offset: 10 })]))
    expect(bench.relay.sent).toHaveLength(1)
    expect((await bench.ledger.dueKeys([place], 100, [])).keys).toEqual([])
    bench.ledger.calls = []
    await until(() => bench.ledger.calls.length > 3)
    expect(new Set(bench.ledger.calls)).toEqual(new Set(['dueKeys']))
    hung.resolve()
  })

  it('closes although one event fails for ever, wherever that one is, and that one alone is set aside', async () => {
    const side = outside()
    const { bench, partition, partitions, loop } = await opened({
      service: chargingBank(side.call, { failuresMax: 2 }),
      performAttemptsMax: 5,
    })
    const other = await claimPartition({ ...place, partition: 1 }, bench)
    partitions.set(laneOf({ ...place, partition: 1 }), { ...place, partition: 1, open: other })
    await partition.take(batchOf(payments(0, [{ account: 'bad', trick: 'fail' }])))
    const rest = payments(0, keys(5)).map((one, index) => ({
      ...one,
      partition: 1,
      headers: { ...one.headers, ce_id: `other ${index}` },
    }))
    await other.take(batchOf(rest, { partition: 1 }))
    expect(bench.ledger.parkedNow()).toHaveLength(6)
    side.isAway = false
    loop.start()
    await until(() => outcomesOf(bench).filter((one) => one === 'applied').length === 5)
    // Nothing shows whose fault it is that nobody else calls: it waits, and the next one shows.
    for (let offset = 5; bench.ledger.parkedNow().length > 0; offset++) {
      const [record] = payments(offset, [{ account: 'more', id: `more ${offset}` }])
      if (record) await other.take(batchOf([{ ...record, partition: 1 }], { partition: 1 }))
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(outcomesOf(bench).filter((one) => one === 'dead-lettered')).toHaveLength(1)
    expect([...bench.ledger.tables.inbox.values()]).toContainEqual(
      expect.objectContaining({ source: 'counter', id: 'e0/0', outcome: 'dead-lettered' }),
    )
  })

  it('is no breaker where the reaction declares none', async () => {
    const side = outside()
    const bench = benchFor({ service: chargingBank(side.call, false), performAttemptsMax: 2 })
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, keys(10))))
    expect(new Set(outcomesOf(bench))).toEqual(new Set(['dead-lettered']))
    expect(bench.breakers.states()).toEqual({})
  })

  it('keeps no key from what was answered before, by whichever process', async () => {
    const side = outside()
    const { bench, partition } = await opened({ service: chargingBank(side.call) })
    await partition.take(batchOf(payments(0, keys(5))))
    const idempotencyKey = deriveId('bank', causeIdOf({ source: 'counter', id: 'e0/9' }), 'perform')
    await bench.ledger.keepPerformed([{ idempotencyKey, result: 'receipt' }])
    await partition.take(batchOf(payments(9, [{ account: 'answered' }])))
    expect(outcomesOf(bench)).toEqual(['applied'])
    expect(side.asked).toHaveLength(5)
    expect(bench.ledger.tables.performed.size).toBe(0)
  })

  it('holds up its partition once too much is parked, and lets go by itself', async () => {
    const side = outside()
    const { bench, partition, loop } = await opened({
      service: chargingBank(side.call),
      parkedLimits: { eventsMax: 10, bytesMax: 1_000_000 },
    })
    await partition.take(batchOf(payments(0, keys(10))))
    let hasRoom = false
    const room = partition.room(new AbortController().signal).then(() => (hasRoom = true))
    loop.start()
    await until(() => said(bench).filter((one) => one === 'half-open').length >= 3)
    expect([partition.parked.state.isFull, hasRoom]).toEqual([true, false])
    side.isAway = false
    await room
    await until(() => bench.ledger.parkedNow().length === 0)
  })

  it('is found anew by each process that comes meanwhile, which counts no attempt: none of its calls has succeeded', async () => {
    const side = outside()
    const policyOf = () => ({ ...retryPolicyDefault, attempts: 2, delayMs: 1, jitter: 0 })
    const service = chargingBank(side.call)
    const first = await opened({ service, policyOf, performAttemptsMax: 5 })
    await first.partition.take(batchOf(payments(0, [{}])))
    const { ledger } = first.bench
    for (let restarts = 0; restarts < 4; restarts++) {
      const { bench, loop } = await opened({ service, policyOf, ledger })
      loop.start()
      await until(() => said(bench).includes('open'))
      await loop.stop()
      const [one] = (await ledger.parkedKeys({}, { after: 0n, limit: 1 })).found
      expect(one).toMatchObject({ state: 'paused', attempts: 0 })
    }
    side.isAway = false
    const { loop } = await opened({ service, policyOf, ledger })
    loop.start()
    await until(() => ledger.parkedNow().length === 0)
    expect(ledger.outcomes()).toEqual(['applied'])
  })

  it('is nobody’s failed attempt: who had failed before has failed as often, and is tried when calls are', async () => {
    const side = outside()
    side.isAway = false
    const { bench, partition, loop } = await opened({
      service: chargingBank(side.call, { failuresMax: 4 }),
      performAttemptsMax: 1,
      policyOf: () => ({ ...retryPolicyDefault, attempts: 2, delayMs: 5, jitter: 0 }),
    })
    await partition.take(batchOf(payments(0, [{ account: 'bad', trick: 'fail' }])))
    side.isAway = true
    await partition.take(
      batchOf(
        payments(
          1,
          keys(3).map((one) => ({ ...one, id: `next ${one.account}` })),
        ),
      ),
    )
    expect(bench.breakers.states()['charge']).toBe('open')
    const before = (await parkedIn(bench)).find(({ key }) => key === 'bad')
    expect(before).toMatchObject({ state: 'waiting', attempts: 1, failure: { message: 'away' } })
    loop.start()
    await until(async () => (await parkedIn(bench)).find(({ key }) => key === 'bad')?.state === 'paused')
    const after = (await parkedIn(bench)).find(({ key }) => key === 'bad')
    expect(after).toMatchObject({
      attempts: 1,
      firstFailedAtMs: before?.firstFailedAtMs,
      lastFailedAtMs: before?.lastFailedAtMs,
    })
    expect(outcomesOf(bench)).toEqual([])
  })
})

describe('breakers', () => {
  it('take what a reaction declares before what the settings say, each reaction its own', async () => {
    const log = keepingLog()
    const { reactions } = chargingBank(() => Promise.resolve(), { failuresMax: 1 })
    const breakers = createBreakers(
      { reactions },
      { defaults: { failuresMax: 9, pauseMs: 1, pauseMsMax: 1 }, log },
    )
    const [bound] = [...reactions.values()]
    if (!bound) throw new Error('the bank has a reaction')
    const fails = breakers
      .of(bound)
      .run(() => Promise.reject(new Error('away')), new AbortController().signal, false)
    await expect(fails).rejects.toThrow('away')
    expect(breakers.states()).toEqual({ charge: 'open' })
    expect(log.lines[0]).toMatchObject({ level: 'warn', facts: { reaction: 'charge', breaker: 'open' } })
  })

  it.each([
    [{ failuresMax: 0 }, /`breaker\.failuresMax` of .* is 0\. Use a whole number from 1 to/],
    [{ pauseMs: 0.5 }, /`breaker\.pauseMs` of .* is 0\.5\./],
    [{ patience: 1 }, /has no "breaker\.patience"\. Use failuresMax, pauseMs or pauseMsMax\./],
  ])('are refused as %j', (breaker: object, message) => {
    expect(() => chargingBank(() => Promise.resolve(), breaker)).toThrow(message)
  })

  it('are refused where nothing is performed', () => {
    expect(() => reaction({ on: PaidIn, emits: [], breaker: false, react() {} })).toThrow(/no `perform`/)
  })
})
