import type { OrderRequest } from '@troupe-demo/order'
import { type Expectation, expectations, orderOf } from './orders.ts'

/** One story: what is asked of Order's HTTP API, and what must come of it. */
export interface Story {
  readonly name: string
  /** One sentence for whoever watches. */
  readonly about: string
  /** The orders that are placed, each with an idempotency key of its own. */
  readonly orders: readonly OrderRequest[]
  /** How often each is posted with the same key. Default 1. */
  readonly posts?: number
  /** A service that is stopped before the orders come in, and started when they all wait for it. */
  readonly away?: string
  /** What must become of each order. */
  readonly expected: Expectation
}

/** The stories of the demo, in the order in which they are played. */
export const stories: readonly Story[] = [
  {
    name: 'completed',
    about: 'A good card, goods in stock, an address that is served.',
    orders: [orderOf('good')],
    expected: expectations.good,
  },
  {
    name: 'card declined',
    about: 'The card is declined: nothing was done, so nothing is undone.',
    orders: [orderOf('card declined')],
    expected: expectations['card declined'],
  },
  {
    name: 'out of stock',
    about: 'One of three articles is sold out: none is held, and the money goes back.',
    orders: [orderOf('out of stock')],
    expected: expectations['out of stock'],
  },
  {
    name: 'address not served',
    about: 'No carrier goes there: the stock is released, then the money goes back, in reverse order.',
    orders: [orderOf('address not served')],
    expected: expectations['address not served'],
  },
  {
    name: 'posted twice',
    about: 'The same order twice with one Idempotency-Key: one order, one saga, one charge.',
    orders: [orderOf('good')],
    posts: 2,
    expected: expectations.good,
  },
  {
    name: 'service away',
    about: 'Inventory is stopped while five orders come in, then started: it catches up, nothing is lost.',
    orders: Array.from({ length: 5 }, (_, at) => orderOf('good', { customerId: `customer-${at + 1}` })),
    away: 'inventory',
    expected: expectations.good,
  },
]
