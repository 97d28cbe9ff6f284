import { describe, expect, it } from '@jest/globals'
import { type PerformContext, reaction, service, undo } from '@troupe/core'
import { getEventListeners } from 'node:events'
import {
  account,
  batchOf,
  type Bench,
  benchFor,
  eventType,
  PaidIn,
  payments,
  place,
  type Paid,
  recordOf,
} from '../kits/bank.test.kit.ts'
import { deferred, unreachable, until } from '../kits/fakes.test.kit.ts'
import { TroupeError } from '@troupe/core'
import { claimPartition } from '../batch/partition.ts'

const Charged = eventType<'Charged', { account: string; receipt: string }>('Charged', 'bank')
const Closed = eventType<'Closed', { account: string }>('Closed', 'office')
const Withdrawn = eventType<'Withdrawn', { account: string }>('Withdrawn', 'counter')

/** A bank that asks outside before it books. */
function chargingBank(call: (data: Paid, context: PerformContext) => unknown, { isUndone = false } = {}) {
  const charge = reaction({
    on: PaidIn,
    emits: [Charged],
    reads: ({ data }) => [account(data.account)],
    perform: ({ data }, context) => call(data, context) as Promise<string>,
    react({ data }, { get, put, emit, performed }) {
      const { cents, booked } = get(account(data.account))
      put(account(data.account), { cents: cents + data.cents, booked: [...booked, data.cents] })
      emit(Charged, { account: data.account, receipt: performed })
    },
  })
  if (!isUndone) return service({ name: 'bank', reactions: { charge } })
  const refund = undo(charge, { undoes: Charged, on: Withdrawn, emits: [], react() {} })
  return service({ name: 'bank', reactions: { charge, refund } })
}

const outcomesOf = ({ ledger }: Bench) => ledger.outcomes()

describe('calls to the outside', () => {
  it('get the same idempotency key at every attempt, and their result is reacted to', async () => {
    const keys: string[] = []
    const bench = benchFor({
      service: chargingBank((_data, { idempotencyKey }) => {
        keys.push(idempotencyKey)
        if (keys.length < 3) throw new Error('busy')
        return 'receipt'
      }),
    })
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, [{}])))
    expect(keys).toHaveLength(3)
    expect(new Set(keys).size).toBe(1)
    expect(bench.relay.sent.map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()))).toEqual([
      { account: 'a', receipt: 'receipt' },
    ])
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('busy'))],
    [
      'throws undefined',
      () => {
        throw undefined
      },
    ],
    ['rejects as if a database were away', () => Promise.reject(unreachable())],
    ['never settles', () => new Promise(() => {})],
  ])(
    'that always %s have failed once after three tries, which is one attempt at their event; the next one goes on',
    async (_, call) => {
      const bench = benchFor({
        service: chargingBank(({ trick }) => (trick === undefined ? Promise.resolve('receipt') : call())),
        performTimeoutMs: 20,
      })
      const partition = await claimPartition(place, bench)
      await partition.take(batchOf(payments(0, [{ trick: 'fail' }, {}])))
      expect(outcomesOf(bench)).toEqual(['dead-lettered', 'applied'])
      const letter = bench.relay.sent.find(({ topic }) => topic === 'bank.dlq')
      expect(letter?.headers['__dlq.errors.delivery.count']).toBe('1')
    },
  )

  it('keep the order of a key, and do not wait for other keys', async () => {
    const order: string[] = []
    const held = deferred()
    const bench = benchFor({
      service: chargingBank(async ({ account: key, cents }) => {
        order.push(`${key}${cents} begins`)
        if (key === 'slow') await held.promise
        order.push(`${key}${cents} ends`)
        return 'receipt'
      }),
    })
    const partition = await claimPartition(place, bench)
    const taking = partition.take(
      batchOf(payments(0, [{ account: 'slow' }, { account: 'slow' }, { account: 'b' }, { account: 'b' }])),
    )
    await until(() => order.includes('b3 ends'))
    expect(order).not.toContain('slow1 begins')
    held.resolve()
    await taking
    const of = (key: string) => order.filter((line) => line.startsWith(key))
    expect(of('slow')).toEqual(['slow0 begins', 'slow0 ends', 'slow1 begins', 'slow1 ends'])
    expect(of('b')).toEqual(['b2 begins', 'b2 ends', 'b3 begins', 'b3 ends'])
  })

  it('are as many at one time as is allowed', async () => {
    let now = 0
    let most = 0
    const bench = benchFor({
      performsMax: 5,
      service: chargingBank(async () => {
        most = Math.max(most, ++now)
        await new Promise((resolve) => setImmediate(resolve))
        now -= 1
        return 'receipt'
      }),
    })
    const partition = await claimPartition(place, bench)
    await partition.take(
      batchOf(
        payments(
          0,
          Array.from({ length: 50 }, (_, n) => ({ account: `a${n}` })),
        ),
      ),
    )
    expect(most).toBe(5)
  })

  it('are not made again when the batch is decided again', async () => {
    let calls = 0
    const bench = benchFor({
      service: chargingBank(async ({ trick }) => {
        calls += 1
        if (trick !== undefined) throw new Error('busy')
        return 'receipt'
      }),
      performAttemptsMax: 1,
    })
    let conflicts = 3
    bench.ledger.before = (method) => {
      if (method === 'settle' && conflicts-- > 0) throw new TroupeError('TROUPE_CONFLICT', 'Busy.')
    }
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, [{}, { trick: 'fail' }])))
    expect(calls).toBe(2)
    expect(outcomesOf(bench)).toEqual(['applied', 'dead-lettered'])
  })

  it('keep nobody from their documents, and are not made again when somebody has used them', async () => {
    const held = deferred()
    let calls = 0
    const bench = benchFor({
      service: chargingBank(async () => {
        calls += 1
        await held.promise
        return 'receipt'
      }),
    })
    const other = { ...bench, service: benchFor().service }
    const slow = await claimPartition(place, bench)
    const quick = await claimPartition({ ...place, partition: 1 }, other)
    const charging = slow.take(batchOf(payments(0, [{ cents: 1 }, { cents: 2 }])))
    await until(() => calls === 1)
    const record = recordOf(PaidIn, { account: 'a', cents: 4 }, { offset: 0, partition: 1 })
    await quick.take(batchOf([record], { partition: 1 }))
    held.resolve()
    await charging
    expect(calls).toBe(2)
    expect(bench.ledger.tables.documents.get('account/a')?.state).toMatchObject({ booked: [4, 1, 2] })
  })

  it('of many keys keep a partition busy: more than ten times as fast as one after the other', async () => {
    const seed = 7
    const clock = virtualClock()
    const lasting = durations(seed)
    let serialMs = 0
    const ended = new Map<string, number[]>()
    const bench = benchFor({
      service: chargingBank(async ({ account: key, cents }) => {
        const ms = lasting()
        serialMs += ms
        await clock.wait(ms)
        ended.set(key, [...(ended.get(key) ?? []), cents])
        return 'receipt'
      }),
    })
    const partition = await claimPartition(place, bench)
    const all = Array.from({ length: 1_000 }, (_, n) => ({ account: `key ${n % 20}` }))
    const taking = partition.take(batchOf(payments(0, all)))
    await clock.runUntil(taking)
    expect(serialMs / clock.nowMs()).toBeGreaterThan(10)
    for (const order of ended.values()) expect(order).toEqual(order.toSorted((one, two) => one - two))
    expect(ended.size).toBe(20)
    expect(outcomesOf(bench)).toHaveLength(1_000)
  })

  it('let an undo of another key wait for its step, in the order of the log', async () => {
    const held = deferred()
    const slow = async () => {
      await held.promise
      return 'receipt'
    }
    const bench = benchFor({ service: chargingBank(slow, { isUndone: true }) })
    const partition = await claimPartition(place, bench)
    const taking = partition.take(
      batchOf([
        recordOf(PaidIn, { account: 'a', cents: 1 }, { offset: 0, saga: 's' }),
        recordOf(Withdrawn, { account: 'another key' }, { offset: 1, saga: 's' }),
      ]),
    )
    await new Promise((resolve) => setImmediate(resolve))
    held.resolve()
    await taking
    expect(outcomesOf(bench)).toEqual(['applied', 'applied'])
  })

  it('for an undo have one key, whichever event calls for it, so that two partitions at one time ask for one thing', async () => {
    const keys: string[] = []
    const bothAsked = deferred()
    const charge = reaction({
      on: PaidIn,
      emits: [Charged],
      react: ({ data }, { emit }) => emit(Charged, { account: data.account, receipt: 'r' }),
    })
    const refund = undo(charge, {
      undoes: Charged,
      on: [Withdrawn, Closed],
      emits: [],
      async perform(_event, { idempotencyKey }) {
        keys.push(idempotencyKey)
        if (keys.length === 2) bothAsked.resolve()
        await bothAsked.promise
      },
      react() {},
    })
    const bench = benchFor({ service: service({ name: 'bank', reactions: { charge, refund } }) })
    const [counter, office] = await Promise.all(
      [PaidIn.topic, Closed.topic].map((topic) => claimPartition({ topic, partition: 0 }, bench)),
    )
    const data = { account: 'a' }
    await counter?.take(
      batchOf([recordOf(PaidIn, { ...data, cents: 1 }, { offset: 0, id: 'paid', saga: 's' })]),
    )
    await Promise.all([
      counter?.take(batchOf([recordOf(Withdrawn, data, { offset: 1, id: 'withdrawn', saga: 's' })])),
      office?.take(batchOf([recordOf(Closed, data, { offset: 0, id: 'closed', saga: 's' })])),
    ])
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
    expect(outcomesOf(bench).toSorted()).toEqual(['applied', 'applied', 'undo-repeated'])
  })

  it('are given up at once when the partition is lost, though they do not heed their signal', async () => {
    const signals: AbortSignal[] = []
    const bench = benchFor({
      service: chargingBank((_data, { signal }) => {
        signals.push(signal)
        return new Promise(() => {})
      }),
    })
    const partition = await claimPartition(place, bench)
    const lost = new AbortController()
    const taking = partition.take(batchOf(payments(0, [{}]), { signal: lost.signal }))
    await until(() => signals.length === 1)
    lost.abort()
    await expect(taking).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
    expect(signals[0]?.aborted).toBe(true)
    expect(outcomesOf(bench)).toEqual([])
  })

  it('leave no listener and no warning behind', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => void warnings.push(warning)
    process.on('warning', onWarning)
    const bench = benchFor({ service: chargingBank(async () => 'receipt') })
    const partition = await claimPartition(place, bench)
    const all = Array.from({ length: 300 }, (_, n) => ({ account: `a${n}` }))
    await partition.take(batchOf(payments(0, all)))
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
    expect(getEventListeners(bench.signal, 'abort')).toHaveLength(0)
  })
})

/** Time that passes only when everybody waits. */
function virtualClock() {
  const waiting: { readonly atMs: number; readonly wake: () => void }[] = []
  let nowMs = 0
  return {
    nowMs: () => nowMs,
    wait: (ms: number) =>
      new Promise<void>((wake) => {
        waiting.push({ atMs: nowMs + ms, wake })
      }),
    async runUntil(done: Promise<unknown>): Promise<void> {
      let isDone = false
      void done.then(
        () => (isDone = true),
        () => (isDone = true),
      )
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve))
        if (isDone) return done.then(() => {})
        waiting.sort((one, two) => one.atMs - two.atMs)
        const next = waiting.shift()
        if (!next) continue
        nowMs = next.atMs
        next.wake()
      }
    },
  }
}

/** 0 to 5 ms, the same for the same seed. */
function durations(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return (state / 2_147_483_647) * 5
  }
}
