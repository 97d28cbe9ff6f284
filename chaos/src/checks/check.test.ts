import { describe, expect, it } from '@jest/globals'
import { judge, type Verdict } from './check.ts'
import type { DocumentRow, Facts, LetterRow, PublishedRecord } from './facts.ts'
import { factsOf, withLedger } from './facts.test.kit.ts'

const good = factsOf('good', 'good', 'card declined', 'out of stock', 'address not served')

/** Which checks find something. */
function found({ counts }: Verdict): readonly string[] {
  return Object.entries(counts).flatMap(([check, count]) => (count > 0 ? [check] : []))
}

function judged(facts: Facts): Verdict {
  return judge(facts)
}

function withRecords(change: (records: readonly PublishedRecord[]) => readonly PublishedRecord[]): Facts {
  return { ...good, records: change(good.records) }
}

function withDocument(
  service: string,
  key: string,
  change: (row: DocumentRow) => readonly DocumentRow[],
): Facts {
  return withLedger(good, service, (ledger) => ({
    ...ledger,
    documents: ledger.documents.flatMap((row) => (row.key === key ? change(row) : [row])),
  }))
}

/** With garbage in a topic that payment, inventory and shipping hear, each of which was redriven in vain. */
const poisoned: Facts = (() => {
  const id = 'order.events/0/900'
  const letter = { id, type: null, saga: null, state: 'open', redrives: 1 }
  const hearers = ['payment', 'inventory', 'shipping']
  const facts = hearers.reduce<Facts>(
    (before, service) => withLedger(before, service, (ledger) => ({ ...ledger, letters: [letter] })),
    good,
  )
  const fingerprint = 'garbage'
  const place = { topic: 'order.events', partition: 0, offset: 900n }
  return {
    ...facts,
    poison: [{ ...place, form: 'garbage', type: 'OrderAbandoned', fingerprint }],
    deadLetters: hearers.flatMap((service) =>
      // The last one was published again.
      ['first', 'second', 'second'].map((failedAt) => ({
        topic: `${service}.dlq`,
        from: id,
        fingerprint,
        failedAt,
        message: 'OrderAbandoned: garbage',
      })),
    ),
  }
})()

function withLetters(change: (letters: readonly LetterRow[]) => readonly LetterRow[]): Facts {
  return withLedger(poisoned, 'payment', (ledger) => ({ ...ledger, letters: change(ledger.letters) }))
}

describe('The checks', () => {
  it('find nothing wrong where nothing is', () => {
    expect(judged(good).violations).toEqual([])
  })

  it('find nothing wrong where order has given up on a silent inventory, and every late answer was undone', () => {
    const facts = factsOf('good', 'given up')
    expect(judged(facts).violations).toEqual([])
    const barred = withLedger(facts, 'shipping', (ledger) => ({
      ...ledger,
      inbox: ledger.inbox.map((row) =>
        row.id === 'order-1-OrderAbandoned' ? { ...row, outcome: 'undo-repeated' } : row,
      ),
    }))
    expect(judged(barred).violations).toEqual([])
    const shipped = withLedger(facts, 'shipping', (ledger) => ({
      ...ledger,
      documents: ledger.documents.map((row) => ({ ...row, state: { state: 'scheduled' } })),
    }))
    expect(found(judged(shipped))).toEqual(['documents', 'conserved'])
  })

  it('find nothing wrong where poison is a dead letter of whoever hears it, and came back when it was redriven', () => {
    expect(judged(poisoned).violations).toEqual([])
  })

  it('find a run in which nobody was silent for long enough to be given up', () => {
    expect(found(judge(good, { givenUpMin: 1 }))).toEqual(['progress'])
  })

  it('take a record that was published again for a duplicate, and count it', () => {
    const again = withRecords((records) => [...records, { ...(records[1] as PublishedRecord), offset: 100n }])
    expect(judged(again)).toMatchObject({ violations: [], duplicates: 1, events: good.records.length })
  })

  const planted: readonly (readonly [string, Facts, readonly string[]])[] = [
    [
      'an accepted order that is lost',
      withLedger(
        withRecords((records) => records.filter(({ saga }) => saga !== 'order-2')),
        'order',
        (ledger) => ({ ...ledger, documents: ledger.documents.filter(({ key }) => key !== 'order-2') }),
      ),
      ['accepted', 'sagas', 'heard once', 'documents'],
    ],
    [
      'one key that is answered with two orders',
      {
        ...good,
        orders: good.orders.map((one, at) =>
          at === 0 ? { ...one, answers: [...one.answers, 'order-9'] } : one,
        ),
      },
      ['accepted'],
    ],
    ['an order that nobody asked for', { ...good, orders: good.orders.slice(1) }, ['accepted']],
    [
      'an event that was never published',
      withRecords((records) => records.filter(({ id }) => id !== 'order-0-InventoryReserved')),
      ['sagas', 'heard once', 'documents'],
    ],
    [
      'an effect that happened twice, under two ids',
      withRecords((records) => [
        ...records,
        {
          ...(records.find(({ type }) => type === 'PaymentRefunded') as PublishedRecord),
          id: 'other',
          offset: 100n,
        },
      ]),
      ['sagas', 'heard once', 'documents'],
    ],
    [
      'an event that its hearer never heard',
      withLedger(good, 'shipping', (ledger) => ({ ...ledger, inbox: ledger.inbox.slice(1) })),
      ['heard once'],
    ],
    [
      'an event that was heard and not applied',
      withLedger(good, 'payment', (ledger) => ({
        ...ledger,
        inbox: ledger.inbox.map((row, at) => (at === 0 ? { ...row, outcome: 'dead-lettered' } : row)),
      })),
      ['heard once'],
    ],
    [
      'an event that was heard and never published',
      withLedger(good, 'payment', (ledger) => ({
        ...ledger,
        inbox: [...ledger.inbox, { source: 'order', id: 'ghost', type: 'OrderReceived', outcome: 'applied' }],
      })),
      ['heard once'],
    ],
    [
      'a version that is ahead of the events: a change without its event',
      withDocument('payment', 'order-0', (row) => [{ ...row, version: (row.version ?? 0) + 1 }]),
      ['documents'],
    ],
    [
      'an event without its change',
      withDocument('shipping', 'order-1', () => []),
      ['documents', 'conserved'],
    ],
    [
      'a document of which no event speaks',
      withDocument('shipping', 'order-1', (row) => [
        row,
        { ...row, key: 'order-8', state: { state: 'refused' } },
      ]),
      ['documents'],
    ],
    [
      'money that was kept for nothing',
      withDocument('payment', 'order-4', (row) => [{ ...row, state: { ...row.state, refundedCents: 0 } }]),
      ['documents', 'conserved', 'taken once'],
    ],
    [
      'money that was taken twice',
      { ...good, taken: [...good.taken, ...good.taken.slice(0, 1)] },
      ['taken once'],
    ],
    ['money that was never taken', { ...good, taken: good.taken.slice(1) }, ['taken once']],
    [
      'money that was taken for an order that payment does not know',
      { ...good, taken: good.taken.map((row, at) => (at === 0 ? { ...row, order: 'other' } : row)) },
      ['taken once'],
    ],
    [
      'money that was not given back',
      { ...good, taken: good.taken.map((row) => ({ ...row, refundedCents: 0 })) },
      ['taken once'],
    ],
    [
      'stock that vanished',
      withDocument('inventory', 'book', (row) => [{ ...row, state: { ...row.state, free: 3 } }]),
      ['documents', 'conserved'],
    ],
    [
      'a saga that has not ended',
      withDocument('order', 'order-1', (row) => [{ ...row, state: { ...row.state, state: 'placed' } }]),
      ['documents', 'conserved', 'terminal'],
    ],
    [
      'an event that still waits in the outbox',
      withLedger(good, 'inventory', (ledger) => ({ ...ledger, outbox: ['order-0-InventoryReserved'] })),
      ['terminal'],
    ],
    [
      'a step that was not undone',
      withLedger(good, 'payment', (ledger) => ({
        ...ledger,
        steps: ledger.steps.map((row) => ({ ...row, state: 'done' })),
      })),
      ['terminal'],
    ],
    [
      'an event that was set aside, with which nothing is wrong',
      withLedger(good, 'payment', (ledger) => ({
        ...ledger,
        letters: [
          { id: 'order.events/0/0', type: 'OrderReceived', saga: 'order-0', state: 'redriven', redrives: 1 },
        ],
      })),
      ['set aside'],
    ],
    ['poison that nobody has set aside', { ...good, poison: poisoned.poison }, ['set aside']],
    [
      'poison that was redriven twice',
      withLetters((letters) => letters.map((one) => ({ ...one, redrives: one.redrives + 1 }))),
      ['set aside'],
    ],
    [
      'poison that did not come back',
      withLetters((letters) => letters.map((one) => ({ ...one, state: 'redriven' }))),
      ['set aside'],
    ],
    ['a dead letter that is not in its topic', { ...poisoned, deadLetters: [] }, ['set aside']],
    [
      'a dead letter that is not as it came',
      {
        ...poisoned,
        deadLetters: poisoned.deadLetters.map((one) => ({ ...one, fingerprint: 'other' })),
      },
      ['set aside'],
    ],
    [
      'a cursed event that was passed over',
      {
        ...good,
        orders: good.orders.map((one, at) =>
          at === 0 ? { ...one, curse: { service: 'shipping', form: 'until released' } } : one,
        ),
      },
      ['set aside'],
    ],
    [
      'a key that is still parked',
      withLedger(good, 'inventory', (ledger) => ({ ...ledger, parked: ['order-1'] })),
      ['set aside'],
    ],
    [
      'two events of a key in the wrong order',
      withRecords((records) =>
        records.map((one) => (one.id === 'order-4-PaymentRefunded' ? { ...one, offset: -1n } : one)),
      ),
      ['in order'],
    ],
    [
      'a key whose events lie in two partitions',
      withRecords((records) =>
        records.map((one) => (one.id === 'order-0-OrderCompleted' ? { ...one, partition: 1 } : one)),
      ),
      ['in order'],
    ],
    [
      'a duplicate that says something else',
      withRecords((records) => [
        ...records,
        { ...(records[2] as PublishedRecord), offset: 100n, said: 'else' },
      ]),
      ['twins'],
    ],
  ]

  it.each(planted)('find %s', (_what, facts, by) => {
    expect(found(judged(facts))).toEqual(by)
  })

  it('hold no order against a slow machine that was given up, or that was not to be completed', () => {
    const givenUp = Array.from({ length: 30 }, () => 'given up' as const)
    const declined = Array.from({ length: 30 }, () => 'card declined' as const)
    expect(judged(factsOf('good', ...givenUp)).violations).toEqual([])
    expect(judged(factsOf('good', ...declined)).violations).toEqual([])
    expect(judged(factsOf(...declined)).violations).toEqual([])
  })

  it.each([
    ['goes on with half of what it took', 2, []],
    ['has stopped making progress', 3, ['progress']],
  ])('find whether an ecosystem %s', (_what, stuck, by) => {
    const facts = factsOf('good', 'good', 'good', 'good', 'given up', 'out of stock')
    const stopped = new Set(Array.from({ length: stuck }, (_, at) => `order-${at}-OrderCompleted`))
    const records = facts.records.filter(({ id }) => !stopped.has(id))
    expect(found(judged({ ...facts, records })).filter((check) => check === 'progress')).toEqual(by)
  })

  it('find a run in which everything was given up', () => {
    expect(found(judged(factsOf('given up', 'given up', 'card declined')))).toEqual(['progress'])
  })

  it('say the first few of many things, and how many there are', () => {
    const many = factsOf(...Array.from({ length: 30 }, () => 'good' as const))
    const { violations, counts } = judged({ ...many, orders: [] })
    expect(violations.length).toBeLessThan(30)
    expect(counts['accepted']).toBe(60 - 30)
  })
})
