import type { OrderRequest } from '@troupe-demo/order'
import type { SagaOutcome } from '../observe/saga.ts'

/** What must become of an order, known from its input alone. */
export interface Expectation {
  readonly outcome: SagaOutcome
  /** The types of the saga's events, each after its cause: exactly these. */
  readonly events: readonly string[]
}

/** The kinds of order there are, by what decides their fate. */
export type OrderKind = 'good' | 'card declined' | 'over the limit' | 'out of stock' | 'address not served'

const declined: Expectation = {
  outcome: 'cancelled',
  events: ['OrderReceived', 'PaymentFailed', 'OrderCancelled'],
}

/** What must become of each kind. */
export const expectations: Readonly<Record<OrderKind, Expectation>> = {
  good: {
    outcome: 'completed',
    events: ['OrderReceived', 'PaymentProcessed', 'InventoryReserved', 'ShippingScheduled', 'OrderCompleted'],
  },
  'card declined': declined,
  'over the limit': declined,
  'out of stock': {
    outcome: 'cancelled',
    events: ['OrderReceived', 'PaymentProcessed', 'InventoryFailed', 'PaymentRefunded', 'OrderCancelled'],
  },
  'address not served': {
    outcome: 'cancelled',
    events: [
      'OrderReceived',
      'PaymentProcessed',
      'InventoryReserved',
      'ShippingFailed',
      'InventoryReleased',
      'PaymentRefunded',
      'OrderCancelled',
    ],
  },
}

const book = { sku: 'book', quantity: 1, priceCents: 2_490 }
const pens = { sku: 'pen', quantity: 3, priceCents: 120 }
const lamp = { sku: 'lamp', quantity: 1, priceCents: 6_900 }
const soldOut = { sku: 'sold-out', quantity: 1, priceCents: 990 }

const berlin = {
  country: 'DE',
  name: 'Ada Example',
  street: 'Beispielweg 1',
  city: 'Berlin',
  postalCode: '10115',
}
const nowhere = {
  country: 'AQ',
  name: 'Ada Example',
  street: 'Ice Road 1',
  city: 'McMurdo',
  postalCode: '96599',
}

/** An order of this kind; what is given changes nothing about its fate as long as it is of the same kind. */
export function orderOf(kind: OrderKind, given: Partial<OrderRequest> = {}): OrderRequest {
  const good: OrderRequest = {
    customerId: 'ada',
    items: [book, pens],
    currency: 'EUR',
    cardToken: 'tok_visa',
    shipTo: berlin,
    ...given,
  }
  switch (kind) {
    case 'good':
      return good
    case 'card declined':
      return { ...good, cardToken: 'tok_declined' }
    case 'over the limit':
      return { ...good, items: [{ ...lamp, quantity: 100 }] }
    case 'out of stock':
      // All or nothing: what is in stock must not be held either.
      return { ...good, items: [...good.items, soldOut] }
    case 'address not served':
      return { ...good, shipTo: nowhere }
  }
}
