import { describe, expect, it } from '@jest/globals'
import { reaction, type Service, service, TroupeError, undo } from '@troupe/core'
import {
  batchOf,
  type Bench,
  benchFor,
  Booked,
  eventType,
  jsonCodec,
  PaidIn,
  payments,
  place,
  type Paid,
  recordOf,
} from '../kits/bank.test.kit.ts'
import { elsewhere } from './elsewhere.ts'
import { claimPartition } from './partition.ts'

const Held = eventType<'Held', { account: string; cents: number }>('Held', 'bank')
const Released = eventType<'Released', { account: string; cents: number }>('Released', 'bank')
const Withdrawn = eventType<'Withdrawn', { account: string }>('Withdrawn', 'counter')

const hold = reaction({
  on: PaidIn,
  emits: [Held],
  react: ({ data }, { emit }) => emit(Held, { account: data.account, cents: data.cents }),
})
const release = undo(hold, {
  undoes: Held,
  on: Withdrawn,
  emits: [Released],
  react: (_event, { done, emit }) => emit(Released, { account: done.account, cents: done.cents }),
})
const holder = service({ name: 'bank', reactions: { hold, release } })

async function taken(records: ReturnType<typeof payments>, change: Parameters<typeof benchFor>[0] = {}) {
  const bench = benchFor(change)
  const partition = await claimPartition(place, bench)
  await partition.take(batchOf(records))
  return bench
}

const outcomesOf = ({ ledger }: Bench) => ledger.outcomes()
const saidBy = ({ relay }: Bench) =>
  relay.sent.map(({ topic, value }) => [topic, JSON.parse(Buffer.from(value ?? []).toString()) as unknown])
const paidIn = (offset: number, id?: string) =>
  recordOf(PaidIn, { account: 'a', cents: 5 }, { offset, ...(id === undefined ? {} : { id }) })
const withdrawn = (offset: number) => recordOf(Withdrawn, { account: 'a' }, { offset })

/** A bank whose reaction does what a test says. */
function bankThat(react: (data: Paid, say: (cents: number) => void) => void, reads?: () => never): Service {
  const misbehave = reaction({
    on: PaidIn,
    emits: [Booked],
    ...(reads ? { reads } : {}),
    react: ({ data }, { emit }) => react(data, (cents) => emit(Booked, { account: data.account, cents })),
  })
  return service({ name: 'bank', reactions: { misbehave } })
}

describe('steps in one batch', () => {
  it('are done, and undone with what they said', async () => {
    const bench = await taken([paidIn(0), withdrawn(1)], { service: holder })
    expect(outcomesOf(bench)).toEqual(['applied', 'applied'])
    expect(saidBy(bench)).toEqual([
      ['bank.events', { account: 'a', cents: 5 }],
      ['bank.events', { account: 'a', cents: 5 }],
    ])
  })

  it('are barred by an undo that comes first, and undone once', async () => {
    const bench = await taken([withdrawn(0), paidIn(1), withdrawn(2)], { service: holder })
    expect(outcomesOf(bench)).toEqual(['barred', 'step-barred', 'undo-repeated'])
    expect(saidBy(bench)).toEqual([])
  })

  it('that are asked for twice are done once, and somebody is told', async () => {
    const bench = await taken([paidIn(0, 'one'), paidIn(1, 'two')], { service: holder })
    expect(outcomesOf(bench)).toEqual(['applied', 'step-repeated'])
    expect(bench.log.lines.filter(({ level }) => level === 'warn')).toEqual([
      expect.objectContaining({
        facts: expect.objectContaining({
          event: 'two',
          saga: 'a',
          reaction: 'hold',
          verdict: 'step-repeated',
        }),
      }),
    ])
  })

  it('whose own word cannot be decoded any more are dead-lettered with their undo, once', async () => {
    const codec = {
      ...jsonCodec,
      decode: ((type, bytes) => {
        if (type.type === 'Held')
          throw new TroupeError('TROUPE_SCHEMA_MISMATCH', 'Held is another record now.')
        return jsonCodec.decode(type, bytes)
      }) as typeof jsonCodec.decode,
    }
    const bench = await taken([paidIn(0), withdrawn(1)], { service: holder, codec })
    expect(outcomesOf(bench)).toEqual(['applied', 'dead-lettered'])
    expect(bench.ledger.settled).toHaveLength(1)
    expect(bench.relay.sent.at(-1)?.headers['__dlq.errors.delivery.count']).toBe('1')
  })

  it('wait where the registry is away, and nothing is dead-lettered', async () => {
    let failures = 1
    const codec = {
      ...jsonCodec,
      decode: ((type, bytes) => {
        if (type.type !== 'Held' || failures-- <= 0) return jsonCodec.decode(type, bytes)
        return Promise.reject(new TroupeError('TROUPE_REGISTRY_UNREACHABLE', 'away')) as never
      }) as typeof jsonCodec.decode,
    }
    const bench = benchFor({ service: holder, codec })
    const partition = await claimPartition(place, bench)
    const batch = batchOf([paidIn(0), withdrawn(1)])
    await expect(partition.take(batch)).rejects.toMatchObject({ code: 'TROUPE_REGISTRY_UNREACHABLE' })
    expect(bench.ledger.settled).toEqual([])
    await partition.take(batch)
    expect(outcomesOf(bench)).toEqual(['applied', 'applied'])
  })
})

describe('a reaction that misbehaves is dead-lettered, and leaves nothing behind', () => {
  it.each<[string, Service, RegExp]>([
    [
      'emits before it throws',
      bankThat((_data, say) => {
        say(1)
        throw new Error('late')
      }),
      /late/,
    ],
    [
      'throws in its reads',
      bankThat(
        () => {},
        () => {
          throw new Error('no such document')
        },
      ),
      /no such document/,
    ],
    [
      'throws what cannot be looked at',
      bankThat(() => {
        throw Object.defineProperty(new Error('do not touch'), 'stack', {
          get() {
            throw new Error('touched')
          },
        })
      }),
      /^do not touch$/,
    ],
    ['changes the event', bankThat((data) => void ((data as { cents: number }).cents = 0)), /read only/],
  ])('%s', async (_, misbehaving, message) => {
    const bench = await taken(payments(0, [{}]), { service: misbehaving })
    expect(outcomesOf(bench)).toEqual(['dead-lettered'])
    expect(bench.relay.sent.map(({ topic }) => topic)).toEqual(['bank.dlq'])
    expect(bench.relay.sent[0]?.headers['__dlq.errors.message']).toMatch(message)
  })

  it('emits an event that is too large', async () => {
    const large = bankThat((_data, say) => say(1))
    const deciding = { ...benchFor().deciding, eventBytesMax: 100 }
    const bench = await taken(payments(0, [{}]), { service: large, deciding })
    expect(bench.relay.sent.map(({ topic, headers }) => [topic, headers['troupe_error_code']])).toEqual([
      ['bank.dlq', 'TROUPE_EVENT_TOO_LARGE'],
    ])
  })

  it('that is not pure is dead-lettered and named where purity is checked, and only there', async () => {
    const service = bankThat((_data, say) => say(Date.now()))
    const bench = await taken(payments(0, [{}]), { service, elsewhere })
    expect(bench.relay.sent.map(({ topic, headers }) => [topic, headers['troupe_error_code']])).toEqual([
      ['bank.dlq', 'TROUPE_REACTION_IMPURE'],
    ])
    expect(bench.relay.sent[0]?.headers['__dlq.errors.message']).toMatch(
      /^bank\.misbehave is not pure\..*: emitted\[0\]\.Booked\.cents was \d+, then \d+/,
    )
    expect(outcomesOf(await taken(payments(0, [{}]), { service }))).toEqual(['applied'])
    const pure = bankThat((_data, say) => say(1))
    expect(outcomesOf(await taken(payments(0, [{}]), { service: pure, elsewhere }))).toEqual(['applied'])
  })

  it('and one line in the log says which event of which saga, where, and why', async () => {
    const bench = await taken(payments(3, [{}]), {
      service: bankThat(() => {
        throw new Error('why')
      }),
    })
    const errors = bench.log.lines.filter(({ level }) => level === 'error')
    expect(errors).toEqual([
      {
        level: 'error',
        facts: expect.objectContaining({
          event: 'e0/3',
          saga: 'a',
          type: 'PaidIn',
          topic: 'counter.events',
          partition: 0,
          offset: '3',
          reaction: 'misbehave',
        }),
        message: 'An event could not be handled and goes to bank.dlq: why',
      },
    ])
  })
})

describe('records that are no events', () => {
  it('of a heard type are dead-lettered with their bytes as they came', async () => {
    const bytes = Buffer.from([0, 1, 2])
    const bench = await taken([{ ...paidIn(0), value: bytes }, { ...paidIn(1), value: null }, paidIn(2)])
    const letters = bench.relay.sent.filter(({ topic }) => topic === 'bank.dlq')
    expect(letters.map(({ value }) => value)).toEqual([bytes, null])
    expect(outcomesOf(bench)).toEqual(['applied'])
  })

  it('of a heard name on another owner’s topic concern nobody', async () => {
    const bench = await taken([{ ...paidIn(0), topic: 'elsewhere.events' }])
    expect(bench.ledger.settled).toEqual([])
  })
})

describe('a database that refuses one account', () => {
  it('does not keep what the others share with it from being written', async () => {
    const bench = benchFor()
    bench.ledger.before = (method, settlement) => {
      if (method === 'settle' && settlement?.documents.some(({ key }) => key === 'bad'))
        throw new Error('refused')
    }
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, [{ account: 'good' }, { account: 'bad' }, { account: 'good' }])))
    expect(outcomesOf(bench)).toEqual(['applied', 'dead-lettered', 'applied'])
    expect(bench.ledger.tables.documents.get(`account/good`)?.state).toMatchObject({ booked: [0, 2] })
  })
})
