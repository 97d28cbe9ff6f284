import { type OrderKind, expectations } from '@troupe/cli'
import { openingStock } from '@troupe-demo/inventory'
import type {
  DocumentRow,
  Facts,
  InboxRow,
  LedgerFacts,
  PlacedOrder,
  PublishedRecord,
  StepRow,
  TakenRow,
} from './facts.ts'
import { hearersOf } from './story.ts'

const owners: Readonly<Record<string, string>> = {
  Order: 'order',
  Payment: 'payment',
  Inventory: 'inventory',
  Shipping: 'shipping',
}

/** Inventory was silent, and answered after order had given up. */
const givenUp: Pick<(typeof expectations)['good'], 'events' | 'outcome'> = {
  events: [
    'OrderReceived',
    'PaymentProcessed',
    'ReservationOverdue',
    'OrderAbandoned',
    'OrderCancelled',
    'PaymentRefunded',
    'InventoryReserved',
    'InventoryReleased',
    'ShippingScheduled',
    'ShippingCancelled',
  ],
  outcome: 'cancelled',
}

/** What is found after one order of each of these kinds, where nothing went wrong. An order is of 2 books for 500 cents. */
export function factsOf(...kinds: readonly (OrderKind | 'given up')[]): Facts {
  const orders: PlacedOrder[] = []
  const records: PublishedRecord[] = []
  const ledgers = new Map(Object.values(owners).map((name) => [name, emptyLedger()]))
  const document = (service: string, row: DocumentRow) => ledgers.get(service)?.documents.push(row)
  const taken: TakenRow[] = []
  let held = 0
  for (const [at, kind] of kinds.entries()) {
    const id = `order-${at}`
    const { events, outcome } = kind === 'given up' ? givenUp : expectations[kind]
    orders.push({ idempotencyKey: `key-${at}`, kind: kind === 'given up' ? 'good' : kind, answers: [id] })
    let causationId: string | undefined
    for (const type of events) {
      const source =
        type === 'ReservationOverdue' ? 'payment' : (owners[/^[A-Z][a-z]+/.exec(type)?.[0] ?? ''] ?? '')
      const record = { source, id: `${id}-${type}`, type, key: id, saga: id, causationId }
      records.push({
        ...record,
        topic: `${source}.events`,
        partition: 0,
        offset: BigInt(records.length),
        fingerprint: record.id,
        said: record.id,
        ...(type === 'PaymentProcessed' || type === 'PaymentRefunded' ? { cents: 500 } : {}),
        ...(type === 'InventoryReserved' || type === 'InventoryReleased' ? { pieces: { book: 2 } } : {}),
      })
      causationId = record.id
      for (const hearer of hearersOf(type)) {
        ledgers.get(hearer)?.inbox.push({ source, id: record.id, type, outcome: 'applied' })
      }
    }
    const has = (type: string) => events.includes(type)
    document('order', {
      kind: 'order-status',
      key: id,
      version: kind === 'given up' ? 4 : 2,
      state: {
        state: outcome,
        details: { totalCents: 500, items: [{ quantity: 2 }] },
        history: Array.from({ length: kind === 'given up' ? 4 : 2 }),
      },
    })
    document('payment', {
      kind: 'charge',
      key: id,
      version: has('PaymentRefunded') ? 2 : 1,
      state: {
        state: has('PaymentFailed') ? 'declined' : has('PaymentRefunded') ? 'refunded' : 'charged',
        chargedCents: has('PaymentProcessed') ? 500 : 0,
        refundedCents: has('PaymentRefunded') ? 500 : 0,
      },
    })
    if (has('PaymentProcessed')) {
      const refundedCents = has('PaymentRefunded') ? 500 : 0
      taken.push({ id: `ch_${at}`, order: id, chargedCents: 500, refundedCents })
    }
    const end = outcome === 'completed' ? 'done' : 'undone'
    if (has('PaymentProcessed'))
      ledgers.get('payment')?.steps.push({ saga: id, step: 'chargeCard', state: end })
    if (has('InventoryReserved')) {
      ledgers.get('inventory')?.steps.push({ saga: id, step: 'reserveStock', state: end })
      held += has('InventoryReleased') ? 0 : 2
      const isCancelled = has('ShippingCancelled')
      const state = isCancelled ? 'cancelled' : has('ShippingScheduled') ? 'scheduled' : 'refused'
      document('shipping', { kind: 'shipment', key: id, version: isCancelled ? 2 : 1, state: { state } })
      if (has('ShippingScheduled'))
        ledgers.get('shipping')?.steps.push({ saga: id, step: 'scheduleShipment', state: end })
    }
  }
  for (const [sku, opening] of openingStock) {
    const state = sku === 'book' ? { free: opening - held, held } : { free: opening, held: 0 }
    document('inventory', { kind: 'stock', key: sku, version: undefined, state })
  }
  return { orders, records, ledgers, poison: [], deadLetters: [], taken }
}

interface Ledger extends LedgerFacts {
  readonly inbox: InboxRow[]
  readonly documents: DocumentRow[]
  readonly steps: StepRow[]
}

function emptyLedger(): Ledger {
  return { inbox: [], outbox: [], documents: [], steps: [], letters: [], parked: [] }
}

/** The facts with another ledger of one service. */
export function withLedger(
  facts: Facts,
  service: string,
  change: (ledger: LedgerFacts) => LedgerFacts,
): Facts {
  const ledgers = new Map(facts.ledgers)
  const before = ledgers.get(service)
  if (before) ledgers.set(service, change(before))
  return { ...facts, ledgers }
}
