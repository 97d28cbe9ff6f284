import { describe, expect, it } from '@jest/globals'
import { isTroupeError, reaction, retryPolicyDefault, service } from '@troupe/core'
import {
  account,
  batchOf,
  benchFor,
  eventType,
  PaidIn,
  type Paid,
  payments,
  place,
} from '../kits/bank.test.kit.ts'
import { deferred, fakeLedger, keepingLog, unreachable, until } from '../kits/fakes.test.kit.ts'
import { createKeptResults } from './kept-results.ts'
import { claimPartition } from '../batch/partition.ts'

const Charged = eventType<'Charged', { account: string; receipt: string }>('Charged', 'bank')

function chargingBank(
  call: (data: Paid, seen: { readonly cents: number }) => unknown,
  react: () => void = () => {},
) {
  const charge = reaction({
    on: PaidIn,
    emits: [Charged],
    reads: ({ data }) => [account(data.account)],
    perform: ({ data }, { get }) => call(data, get(account(data.account))) as Promise<{ receipt: string }>,
    react({ data }, { get, put, emit, performed }) {
      if (data.trick !== undefined) react()
      const { cents, booked } = get(account(data.account))
      put(account(data.account), { cents: cents + data.cents, booked: [...booked, data.cents] })
      emit(Charged, { account: data.account, receipt: performed.receipt })
    },
  })
  return service({ name: 'bank', reactions: { charge } })
}

const result = (n: number) => ({ idempotencyKey: `k${n}`, result: n })

describe('what calls to the outside came to', () => {
  it('is in the ledger while the batch goes on, in few writes, and gone with the settlement', async () => {
    const held = deferred()
    const bench = benchFor({
      service: chargingBank(async ({ account: key }) => {
        if (key === 'slow') await held.promise
        return { receipt: `for ${key}` }
      }),
    })
    const partition = await claimPartition(place, bench)
    const all = Array.from({ length: 40 }, (_, n) => ({ account: n === 0 ? 'slow' : `a${n}` }))
    const taking = partition.take(batchOf(payments(0, all)))
    await until(() => bench.ledger.tables.performed.size === 39)
    expect(bench.ledger.calls.filter((call) => call === 'keepPerformed').length).toBeLessThanOrEqual(3)
    held.resolve()
    await taking
    expect(bench.ledger.tables.performed.size).toBe(0)
    expect(bench.ledger.tables.inbox.size).toBe(40)
  })

  it('costs no write where the batch ends soon', async () => {
    const bench = benchFor({
      service: chargingBank(async () => ({ receipt: 'yes' })),
      keptResults: createKeptResults({ ledger: fakeLedger(), log: keepingLog(), afterMs: 60_000 }),
    })
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, [{}, {}])))
    expect(bench.ledger.calls).not.toContain('keepPerformed')
    expect(bench.ledger.settled.at(-1)).not.toHaveProperty('performed')
  })

  it('is used by the process that comes after a death, which makes only the calls that had no answer', async () => {
    const asked: string[] = []
    const never = new Promise(() => {})
    const call = (isDying: boolean) =>
      chargingBank(async ({ account: key }) => {
        asked.push(key)
        if (isDying && key === 'slow') await never
        return { receipt: `for ${key}` }
      })
    const records = payments(0, [{ account: 'a' }, { account: 'slow' }, { account: 'b' }])
    const dying = benchFor({ service: call(true) })
    const lost = new AbortController()
    const partition = await claimPartition(place, dying)
    const taking = partition.take(batchOf(records, { signal: lost.signal }))
    taking.catch(() => {})
    await until(() => dying.ledger.tables.performed.size === 2)
    lost.abort()
    await expect(taking).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })

    const next = benchFor({ service: call(false), ledger: dying.ledger })
    const again = await claimPartition(place, next)
    await again.take(batchOf(records))
    expect(asked.toSorted()).toEqual(['a', 'b', 'slow', 'slow'])
    const said = next.relay.sent.map(({ value }) =>
      String(JSON.parse(Buffer.from(value ?? []).toString()).receipt),
    )
    expect(new Set(said)).toEqual(new Set(['for a', 'for b', 'for slow']))
    expect(dying.ledger.tables.performed.size).toBe(0)
  })

  it.each(['works', 'is a dead letter'])(
    'outlasts the parking of its event, until that %s: the call is made once',
    async (end) => {
      const asked: string[] = []
      let isBroken = true
      const bank = chargingBank(
        async ({ account: key }) => {
          asked.push(key)
          return { receipt: `for ${key}` }
        },
        () => {
          if (isBroken) throw new Error('not now')
        },
      )
      const policyOf = () => ({ ...retryPolicyDefault, attempts: 3, delayMs: 0 })
      const bench = benchFor({ service: bank, policyOf })
      const partition = await claimPartition(place, bench)
      await partition.take(batchOf(payments(0, [{ account: 'a', trick: 'broken' }, { account: 'b' }])))
      await until(() => bench.ledger.tables.performed.size === 1)
      await partition.retry((await bench.ledger.dueKeys([place], 9)).keys)
      expect([bench.ledger.tables.performed.size, bench.ledger.parkedNow().length]).toEqual([1, 1])
      isBroken = end === 'is a dead letter'
      // Another process knows it as well.
      const next = benchFor({ service: bank, policyOf, ledger: bench.ledger })
      const again = await claimPartition(place, next)
      await again.retry((await bench.ledger.dueKeys([place], 9)).keys)
      expect(asked).toEqual(['a', 'b'])
      expect(bench.ledger.outcomes()).toEqual(['applied', isBroken ? 'dead-lettered' : 'applied'])
      expect([bench.ledger.tables.performed.size, bench.ledger.parkedNow().length]).toEqual([0, 0])
    },
  )

  it('has to be JSON, or its event is set aside at once and says so', async () => {
    let calls = 0
    const bench = benchFor({
      service: chargingBank(async () => {
        calls += 1
        return { receipt: 'yes', at: new Date(0) }
      }),
    })
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, [{}])))
    expect(calls).toBe(1)
    expect(bench.ledger.outcomes()).toEqual(['dead-lettered'])
    const line = bench.log.lines.find(({ level }) => level === 'error')
    expect(isTroupeError(line?.facts['err'], 'TROUPE_PERFORMED_INVALID')).toBe(true)
    expect(line?.message).toMatch(/charge performed what cannot be kept as JSON: at is a Date/)
  })

  it('is not for changing', async () => {
    const bench = benchFor({ service: chargingBank(async () => Object.freeze({ receipt: 'yes' })) })
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, [{}])))
    expect(bench.ledger.outcomes()).toEqual(['applied'])
  })

  it('may depend on the documents that the reaction reads, as they stand before the call', async () => {
    const seen: number[] = []
    const bench = benchFor({
      service: chargingBank(async (_data, { cents }) => {
        seen.push(cents)
        return { receipt: 'yes' }
      }),
    })
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, [{ cents: 3 }, { cents: 4 }])))
    expect(seen).toEqual([0, 3])
  })
})

describe('keeping results', () => {
  it('writes one batch at a time, and tries again what the database did not take', async () => {
    const ledger = fakeLedger()
    let trouble = 2
    ledger.before = () => {
      if (trouble-- > 0) throw unreachable()
    }
    const results = createKeptResults({ ledger, log: keepingLog(), afterMs: 1 })
    for (let n = 0; n < 5; n++) results.came(result(n))
    await until(() => ledger.tables.performed.size === 5)
    expect(ledger.calls).toHaveLength(3)
    expect(await results.hold(['k1', 'k2', 'other'])).toEqual(['k1', 'k2'])
  })

  it('writes nothing after the settlement that makes use of it', async () => {
    const ledger = fakeLedger()
    const open = deferred()
    ledger.before = () => open.promise
    const results = createKeptResults({ ledger, log: keepingLog(), afterMs: 1 })
    results.came(result(1))
    await until(() => ledger.calls.length === 1)
    results.came(result(2))
    const holding = results.hold(['k1', 'k2'])
    open.resolve()
    // The one was on its way, the other had not begun.
    expect(await holding).toEqual(['k1'])
    results.settled(['k1', 'k2'])
    await results.stop()
    expect([...ledger.tables.performed.keys()]).toEqual(['k1'])
  })

  it('writes all the same what a refused settlement held, and what nobody here will settle', async () => {
    const ledger = fakeLedger()
    const results = createKeptResults({ ledger, log: keepingLog(), afterMs: 1 })
    results.came(result(1))
    results.came(result(2))
    expect(await results.hold(['k1'])).toEqual([])
    results.release(['k1'])
    results.abandon(['k2'])
    await until(() => ledger.tables.performed.size === 2)
    expect(await results.hold(['k1', 'k2'])).toEqual(['k1'])
  })

  it('writes what is due when it stops', async () => {
    const ledger = fakeLedger()
    const results = createKeptResults({ ledger, log: keepingLog(), afterMs: 60_000 })
    results.came(result(1))
    await results.stop()
    expect(ledger.tables.performed.size).toBe(1)
  })
})
