import { describe, expect, it } from '@jest/globals'
import { balanceOf } from './balance.ts'
import type { Books } from './books.ts'
import { added, noSums, type Sums } from './sums.ts'

const sums: Sums = [
  { type: 'OrderReceived', data: {} },
  { type: 'OrderReceived', data: {} },
  { type: 'PaymentProcessed', data: { amountCents: 500, currency: 'EUR' } },
  { type: 'PaymentProcessed', data: { amountCents: 300, currency: 'EUR' } },
  { type: 'InventoryReserved', data: { items: [{ quantity: 2 }, { quantity: 1 }] } },
  { type: 'InventoryReserved', data: { items: [{ quantity: 4 }] } },
  { type: 'InventoryReleased', data: { items: [{ quantity: 4 }] } },
  { type: 'PaymentRefunded', data: { amountCents: 300, currency: 'EUR' } },
  { type: 'ShippingScheduled', data: {} },
  { type: 'OrderCompleted', data: {} },
  { type: 'OrderCancelled', data: {} },
  { type: 'SomethingElse', data: {} },
].reduce(added, noSums)

const books: Books = {
  orders: 2,
  ordersCompleted: 1,
  ordersCancelled: 1,
  soldCents: { EUR: 500 },
  piecesSold: 3,
  chargedCents: { EUR: 800 },
  refundedCents: { EUR: 300 },
  takenCents: { EUR: 800 },
  givenBackCents: { EUR: 300 },
  ordersTakenTwice: 0,
  piecesFree: 97,
  piecesHeld: 3,
  piecesAtFirst: 100,
  shipmentsScheduled: 1,
}

describe('the balance', () => {
  it('is even when the events say what the books say', () => {
    const { ok, lines } = balanceOf(sums, books)
    expect([ok, lines.filter((line) => !line.ok)]).toEqual([true, []])
  })

  it.each([
    ['an order that has no event', { orders: 3 }, 'orders placed'],
    ['an order that never ended', { ordersCompleted: 0 }, 'orders completed'],
    ['money that was charged twice', { chargedCents: { EUR: 1_300 } }, 'money charged'],
    ['money that was not given back', { refundedCents: {} }, 'money refunded'],
    ['money that payment does not know of', { takenCents: { EUR: 1_300 } }, '= taken from cards'],
    ['money that only payment gave back', { givenBackCents: {} }, '= given back'],
    ['an order that was charged twice', { ordersTakenTwice: 1 }, 'orders charged twice'],
    ['money for nothing', { soldCents: {} }, '= kept, for completed orders'],
    ['money in another currency', { chargedCents: { EUR: 800, USD: 1 } }, 'money charged'],
    ['stock that stays held', { piecesHeld: 7 }, 'stock held'],
    ['goods that nobody holds', { piecesSold: 5 }, '= in completed orders'],
    ['stock that is lost', { piecesFree: 90 }, 'stock at first'],
    ['a shipment too many', { shipmentsScheduled: 2 }, 'shipments scheduled'],
  ])('shows %s', (_, wrong, name) => {
    const { ok, lines } = balanceOf(sums, { ...books, ...wrong })
    expect(ok).toBe(false)
    expect(lines.filter((line) => !line.ok).map((line) => line.name)).toContain(name)
  })

  it('shows an event too many as well', () => {
    const twice = added(sums, { type: 'PaymentRefunded', data: { amountCents: 300, currency: 'EUR' } })
    expect(balanceOf(twice, books).ok).toBe(false)
  })
})
