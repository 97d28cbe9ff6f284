import { describe, expect, it } from '@jest/globals'
import { type BreakerPolicy, reaction, service } from '@troupe/core'
import {
  batchOf,
  type Bench,
  benchFor,
  eventType,
  PaidIn,
  type Paid,
  payments,
  place,
} from './bank.test.kit.ts'
import { type BreakerState, createBreakers } from './breaker.ts'
import { keepingLog, until } from './fakes.test.kit.ts'
import { claimPartition } from './partition.ts'

const Charged = eventType<'Charged', { account: string }>('Charged', 'bank')

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
  return service({ name: 'bank', reactions: { charge } })
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
const outcomesOf = ({ ledger }: Bench) => [...ledger.inbox.values()]
const said = ({ log }: Pick<Bench, 'log'>) =>
  log.lines.flatMap(({ facts }) => (facts['breaker'] === undefined ? [] : [facts['breaker'] as BreakerState]))

describe('an open breaker', () => {
  it.each([1, 50])(
    'lets %i keys wait as long as the other side is away, and sets none of them aside',
    async (count) => {
      const side = outside()
      const bench = benchFor({ service: chargingBank(side.call), performAttemptsMax: 5 })
      const state = () => bench.breakers.states()['charge']
      expect(state()).toBe('closed')
      const partition = await claimPartition(place, bench)
      const taking = partition.take(batchOf(payments(0, keys(count))))
      await until(() => said(bench).filter((one) => one === 'half-open').length >= 8)
      side.isAway = false
      await taking
      expect(outcomesOf(bench)).toEqual(keys(count).map(() => 'applied'))
      expect(state()).toBe('closed')
      expect([said(bench)[0], said(bench).at(-1)]).toEqual(['open', 'closed'])
    },
  )

  it('makes one call at a time until one succeeds', async () => {
    let [now, most] = [0, 0]
    let isAway = true
    const bench = benchFor({
      service: chargingBank(async () => {
        // Those that were under way when it opened do not count.
        const isTrial = bench.breakers.states()['charge'] !== 'closed'
        if (isTrial) most = Math.max(most, ++now)
        await new Promise((resolve) => setTimeout(resolve, 5))
        if (isTrial) now -= 1
        if (isAway) throw new Error('away')
        return null
      }),
    })
    const partition = await claimPartition(place, bench)
    const taking = partition.take(batchOf(payments(0, keys(30))))
    await until(() => said(bench).filter((one) => one === 'half-open').length >= 5)
    isAway = false
    await taking
    expect(most).toBe(1)
  })

  it('closes although one event fails for ever, and that one alone is set aside', async () => {
    const side = outside()
    const bench = benchFor({ service: chargingBank(side.call, { failuresMax: 2 }), performAttemptsMax: 5 })
    const partition = await claimPartition(place, bench)
    const all = [{ account: 'bad', trick: 'fail' }, ...keys(5)]
    const taking = partition.take(batchOf(payments(0, all)))
    await until(() => said(bench).includes('half-open'))
    side.isAway = false
    // What comes in meanwhile shows whose fault it is.
    const other = await claimPartition({ ...place, partition: 1 }, bench)
    const end = { isThere: false }
    void taking.then(() => (end.isThere = true))
    for (let offset = 0; !end.isThere; offset++) {
      const [record] = payments(offset, [{ account: 'other', id: `other ${offset}` }])
      if (record) await other.take(batchOf([{ ...record, partition: 1 }], { partition: 1 }))
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await taking
    const byId = Object.fromEntries([...bench.ledger.inbox].map(([name, outcome]) => [name, outcome]))
    expect(Object.values(byId).filter((outcome) => outcome === 'dead-lettered')).toHaveLength(1)
  })

  it('is no breaker where the reaction declares none', async () => {
    const side = outside()
    const bench = benchFor({ service: chargingBank(side.call, false), performAttemptsMax: 2 })
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, keys(10))))
    expect(new Set(outcomesOf(bench))).toEqual(new Set(['dead-lettered']))
    expect(bench.breakers.states()).toEqual({})
  })

  it('is given up at once when the partition is lost', async () => {
    const side = outside()
    const bench = benchFor({
      service: chargingBank(side.call, { pauseMs: 3_600_000, pauseMsMax: 3_600_000 }),
    })
    const partition = await claimPartition(place, bench)
    const lost = new AbortController()
    const taking = partition.take(batchOf(payments(0, keys(20)), { signal: lost.signal }))
    await until(() => said(bench).includes('open'))
    lost.abort()
    await expect(taking).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
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
      .run(() => Promise.reject(new Error('away')), new AbortController().signal)
    await expect(fails).rejects.toThrow('away')
    expect(breakers.states()).toEqual({ charge: 'open' })
    expect(log.lines[0]).toMatchObject({ level: 'warn', facts: { reaction: 'charge', breaker: 'open' } })
  })

  it.each([
    [{ failuresMax: 0 }, /cannot have failuresMax 0\. Use a whole number from 1/],
    [{ pauseMs: 0.5 }, /cannot have pauseMs 0\.5/],
    [{ patience: 1 }, /has no "patience"\. Declare failuresMax, pauseMs, pauseMsMax/],
  ])('are refused as %j', (breaker: object, message) => {
    expect(() => chargingBank(() => Promise.resolve(), breaker)).toThrow(message)
  })

  it('are refused where nothing is performed', () => {
    expect(() => reaction({ on: PaidIn, emits: [], breaker: false, react() {} })).toThrow(/no `perform`/)
  })
})
