import { openingStock } from '@troupe-demo/inventory'
import { countOf, type Evidence, isAbandoned } from './evidence.ts'
import type { DocumentRow, PublishedRecord } from './facts.ts'

/**
 * A document changed if and only if an event says so: its version is the number of those events, without a
 * gap, and its state is what they make of it. (One write may hold the changes of several events of a batch:
 * of a document to which somebody waited in vain, the version is that number at most.) Of a row in a table only
 * the state is known.
 */
export function* documents(evidence: Evidence): Generator<string> {
  yield* compare('order', 'order-status', orders(evidence), evidence)
  yield* compare('payment', 'charge', charges(evidence), evidence)
  yield* compare('inventory', 'stock', stocks(evidence), evidence)
  yield* compare('shipping', 'shipment', shipments(evidence), evidence)
}

interface Expected {
  /** Undefined for a row of a table. */
  readonly version: number | undefined
  readonly isShared?: boolean
  /** How many events its history names, if it has one. */
  readonly entries?: number
  /** What of the state the events tell. */
  readonly state: Readonly<Record<string, unknown>>
}

function* compare(
  service: string,
  kind: string,
  expected: ReadonlyMap<string, Expected>,
  { ledgers }: Evidence,
): Generator<string> {
  const stored = new Map<string, DocumentRow>()
  for (const row of ledgers.get(service)?.documents ?? []) if (row.kind === kind) stored.set(row.key, row)
  for (const [key, { version, state, isShared = false, entries }] of expected) {
    const row = stored.get(key)
    if (!row) {
      yield `${service} has no ${kind} ${key}, of which ${version ?? 'its first day and the'} events speak.`
      continue
    }
    if (!isFit(row.version, version, isShared)) {
      yield `${service}'s ${kind} ${key} has version ${row.version}; the events make it ${version}.`
    }
    const { length } = (row.state['history'] ?? []) as readonly unknown[]
    if (entries !== undefined && length !== entries) {
      yield `${service}'s ${kind} ${key} remembers ${length} events; there are ${entries}.`
    }
    for (const [name, value] of Object.entries(state)) {
      if (row.state[name] === value) continue
      yield `${service}'s ${kind} ${key} has ${name} ${String(row.state[name])}; the events make it ${String(value)}.`
    }
  }
  for (const { key, version } of stored.values()) {
    if (!expected.has(key))
      yield `${service} has ${kind} ${key}, version ${version}, of which no event speaks.`
  }
}

/** A row of a table has no version. */
function isFit(found: number | undefined, expected: number | undefined, isShared: boolean): boolean {
  if (found === undefined || expected === undefined || !isShared) return found === expected
  return found >= 1 && found <= expected
}

function orders({ eventsBySaga }: Evidence): ReadonlyMap<string, Expected> {
  const heard = [
    'PaymentFailed',
    'PaymentRefunded',
    'ShippingScheduled',
    'ReservationOverdue',
    'OrderOverdue',
  ]
  return perSaga(eventsBySaga, (events) => {
    const end = countOf(events, 'OrderCompleted') > 0 ? 'completed' : 'cancelled'
    const version = 1 + countOf(events, ...heard)
    return { version, entries: version, isShared: version > 2, state: { state: end } }
  })
}

function charges({ eventsBySaga }: Evidence): ReadonlyMap<string, Expected> {
  return perSaga(eventsBySaga, (events) => {
    const changes = countOf(events, 'PaymentProcessed', 'PaymentFailed', 'PaymentRefunded')
    if (changes === 0) return undefined
    if (countOf(events, 'PaymentFailed') > 0)
      return { version: changes, state: { state: 'declined', chargedCents: 0 } }
    const centsOf = (type: string) => events.find((event) => event.type === type)?.cents ?? 0
    const refundedCents = centsOf('PaymentRefunded')
    const state = countOf(events, 'PaymentRefunded') > 0 ? 'refunded' : 'charged'
    return { version: changes, state: { state, chargedCents: centsOf('PaymentProcessed'), refundedCents } }
  })
}

function shipments({ eventsBySaga }: Evidence): ReadonlyMap<string, Expected> {
  return perSaga(eventsBySaga, (events) => {
    const changes = countOf(events, 'ShippingScheduled', 'ShippingFailed', 'ShippingCancelled')
    if (changes === 0) return undefined
    const isCancelled = countOf(events, 'ShippingCancelled') > 0
    const booked = countOf(events, 'ShippingFailed') > 0 ? 'refused' : 'scheduled'
    return { version: changes, state: { state: isCancelled ? 'cancelled' : booked } }
  })
}

/** Every article, also those that nobody has touched. */
function stocks({ events }: Evidence): ReadonlyMap<string, Expected> {
  const heldBySku = new Map<string, number>([...openingStock].map(([sku]) => [sku, 0]))
  for (const { type, pieces } of events) {
    const sign = type === 'InventoryReserved' ? 1 : type === 'InventoryReleased' ? -1 : 0
    if (sign === 0) continue
    for (const [sku, quantity] of Object.entries(pieces ?? {}))
      heldBySku.set(sku, (heldBySku.get(sku) ?? 0) + sign * quantity)
  }
  return new Map(
    [...heldBySku].map(([sku, held]) => {
      const state = { held, free: (openingStock.get(sku) ?? 0) - held }
      return [sku, { version: undefined, state }]
    }),
  )
}

function perSaga(
  sagas: ReadonlyMap<string, readonly PublishedRecord[]>,
  expect: (events: readonly PublishedRecord[]) => Expected | undefined,
): ReadonlyMap<string, Expected> {
  const expected = new Map<string, Expected>()
  for (const [saga, events] of sagas) {
    const one = expect(events)
    // What was late comes together with what calls it off.
    if (one) expected.set(saga, { isShared: isAbandoned(events), ...one })
  }
  return expected
}
