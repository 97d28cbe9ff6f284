import type { OrderRequest } from '@troupe-demo/order'
import { type OrderKind, orderOf } from '../stories/orders.ts'
import { randomFrom } from './random.ts'

export interface MixedOrder {
  readonly kind: OrderKind
  readonly order: OrderRequest
}

/** How many of a hundred orders are of each kind, about. */
const shares: readonly (readonly [OrderKind, number])[] = [
  ['good', 70],
  ['card declined', 10],
  ['over the limit', 3],
  ['out of stock', 8],
  ['address not served', 9],
]

const countries = ['AT', 'BE', 'CH', 'DE', 'DK', 'FR', 'IT', 'NL', 'PL']
const customers = 500

/**
 * Orders of all kinds, made one at a time. What becomes of each is decided by its kind alone: articles are
 * ordered in numbers that do not run out.
 */
export function* mixedOrders(count: number, seed: number): Generator<MixedOrder> {
  const random = randomFrom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  for (let made = 0; made < count; made += 1) {
    const kind = kindAt(random() * 100)
    const items = [{ sku: 'book', quantity: 1 + below(3), priceCents: 990 + 100 * below(40) }]
    if (random() < 0.5) items.push({ sku: 'pen', quantity: 1 + below(5), priceCents: 120 })
    if (random() < 0.1) items.push({ sku: 'lamp', quantity: 1, priceCents: 6_900 })
    const order = orderOf(kind, {
      customerId: `customer-${1 + below(customers)}`,
      items,
      shipTo: {
        country: countries[below(countries.length)] ?? 'DE',
        name: 'Ada Example',
        street: 'Street 1',
        city: 'City',
        postalCode: '10000',
      },
    })
    yield { kind, order }
  }
}

function kindAt(percent: number): OrderKind {
  let sum = 0
  for (const [kind, share] of shares) {
    sum += share
    if (percent < sum) return kind
  }
  return 'good'
}
