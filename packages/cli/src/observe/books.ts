import type { ChargeLine } from '@troupe-demo/gateway'
import { openingStock } from '@troupe-demo/inventory'
import type { HttpClient } from '../http/http-client.ts'
import { unexpected } from '../stories/order-api.ts'
import { pieces, withMoney } from './sums.ts'

/** What the services' own books say, summed up. Money in cents, by currency; stock in pieces. */
export interface Books {
  readonly orders: number
  readonly ordersCompleted: number
  readonly ordersCancelled: number
  /** What completed orders cost together. */
  readonly soldCents: Readonly<Record<string, number>>
  /** How many pieces completed orders have together. */
  readonly piecesSold: number
  readonly chargedCents: Readonly<Record<string, number>>
  readonly refundedCents: Readonly<Record<string, number>>
  /** What the gateway took, by its own book, and what it gave back. */
  readonly takenCents: Readonly<Record<string, number>>
  readonly givenBackCents: Readonly<Record<string, number>>
  /** Orders for which the gateway took money more than once. */
  readonly ordersTakenTwice: number
  readonly piecesFree: number
  readonly piecesHeld: number
  /** What the shelves held on the first day, of all articles that there are now. */
  readonly piecesAtFirst: number
  readonly shipmentsScheduled: number
}

const pageSize = 1_000

/** Asks every service, and the gateway, for its books, page by page, over HTTP. */
export async function readBooks(http: HttpClient, urlOf: (service: string) => string): Promise<Books> {
  const list = <Item>(service: string, path: string) => pages<Item>(http, urlOf(service) + path)
  const [orders, payments, taken, stock, shipments] = await Promise.all([
    sumOrders(list('order', '/orders')),
    sumPayments(list('payment', '/payments')),
    sumTaken(list('gateway', '/charges')),
    sumStock(list('inventory', '/stock')),
    sumShipments(list('shipping', '/shipments')),
  ])
  return { ...orders, ...payments, ...taken, ...stock, ...shipments }
}

interface OrderItem {
  readonly state: string
  readonly totalCents?: number
  readonly currency?: string
  readonly items?: readonly { readonly quantity: number }[]
}

async function sumOrders(items: AsyncIterable<OrderItem>) {
  const sum = { orders: 0, ordersCompleted: 0, ordersCancelled: 0, piecesSold: 0 }
  let soldCents: Books['soldCents'] = {}
  for await (const { state, totalCents = 0, currency = '?', items: lines = [] } of items) {
    sum.orders += 1
    if (state === 'cancelled') sum.ordersCancelled += 1
    if (state !== 'completed') continue
    sum.ordersCompleted += 1
    sum.piecesSold += pieces({ items: lines })
    soldCents = withMoney(soldCents, { amountCents: totalCents, currency })
  }
  return { ...sum, soldCents }
}

interface PaymentItem {
  readonly state: string
  readonly chargedCents: number
  readonly refundedCents: number
  readonly currency: string
}

async function sumPayments(items: AsyncIterable<PaymentItem>) {
  let chargedCents: Books['chargedCents'] = {}
  let refundedCents: Books['refundedCents'] = {}
  for await (const { state, currency, ...payment } of items) {
    if (state !== 'charged' && state !== 'refunded') continue
    chargedCents = withMoney(chargedCents, { amountCents: payment.chargedCents, currency })
    if (state === 'charged' && payment.refundedCents === 0) continue
    refundedCents = withMoney(refundedCents, { amountCents: payment.refundedCents, currency })
  }
  return { chargedCents, refundedCents }
}

async function sumTaken(items: AsyncIterable<ChargeLine>) {
  let takenCents: Books['takenCents'] = {}
  let givenBackCents: Books['givenBackCents'] = {}
  const times = new Map<string, number>()
  for await (const { order, currency, chargedCents, refundedCents } of items) {
    takenCents = withMoney(takenCents, { amountCents: chargedCents, currency })
    if (refundedCents > 0)
      givenBackCents = withMoney(givenBackCents, { amountCents: refundedCents, currency })
    times.set(order, (times.get(order) ?? 0) + 1)
  }
  return {
    takenCents,
    givenBackCents,
    ordersTakenTwice: [...times.values()].filter((count) => count > 1).length,
  }
}

async function sumStock(
  items: AsyncIterable<{ readonly sku: string; readonly free: number; readonly held: number }>,
) {
  const sum = { piecesFree: 0, piecesHeld: 0, piecesAtFirst: 0 }
  for await (const { sku, free, held } of items) {
    sum.piecesFree += free
    sum.piecesHeld += held
    sum.piecesAtFirst += openingStock.get(sku) ?? 0
  }
  return sum
}

async function sumShipments(items: AsyncIterable<{ readonly state: string }>) {
  let shipmentsScheduled = 0
  for await (const { state } of items) if (state === 'scheduled') shipmentsScheduled += 1
  return { shipmentsScheduled }
}

async function* pages<Item>(http: HttpClient, url: string): AsyncGenerator<Item> {
  let after: string | null = null
  do {
    const place: string = after === null ? '' : `&after=${encodeURIComponent(after)}`
    const answer = await http.get(`${url}?limit=${pageSize}${place}`)
    if (answer.status !== 200) throw unexpected(`GET ${url}`, answer)
    const page = answer.body as { readonly items: readonly Item[]; readonly next: string | null }
    yield* page.items
    after = page.next
  } while (after !== null)
}
