import type { Books } from './books.ts'
import type { Sums } from './sums.ts'

/** One thing that two sides know about. */
export interface BalanceLine {
  readonly name: string
  readonly unit: 'orders' | 'pieces' | 'shipments' | 'cents'
  readonly currency?: string
  /** What the events add up to. */
  readonly events: number
  /** What the service that answers for it says. */
  readonly books: number
  /** Whose books, or which sum of them. */
  readonly by: string
  readonly ok: boolean
}

export interface Balance {
  readonly ok: boolean
  readonly lines: readonly BalanceLine[]
}

/**
 * Holds the events against the services' books, and the books against each other: what was charged and
 * not refunded is what completed orders cost; what is held is what they contain; nothing left the shelves.
 */
export function balanceOf(sums: Sums, books: Books): Balance {
  const lines = [
    line('orders placed', 'orders', sums.ordersReceived, books.orders, 'order'),
    line('orders completed', 'orders', sums.ordersCompleted, books.ordersCompleted, 'order'),
    line('orders cancelled', 'orders', sums.ordersCancelled, books.ordersCancelled, 'order'),
    line('orders ended', 'orders', sums.ordersCompleted + sums.ordersCancelled, books.orders, 'order'),
    ...currencies(sums, books).flatMap((currency) => moneyLines(currency, sums, books)),
    line('orders charged twice', 'orders', 0, books.ordersTakenTwice, 'gateway'),
    line('stock held', 'pieces', sums.piecesReserved - sums.piecesReleased, books.piecesHeld, 'inventory'),
    line(
      '= in completed orders',
      'pieces',
      sums.piecesReserved - sums.piecesReleased,
      books.piecesSold,
      'order',
    ),
    line(
      'stock at first',
      'pieces',
      books.piecesAtFirst,
      books.piecesFree + books.piecesHeld,
      'inventory: free + held',
    ),
    line('shipments scheduled', 'shipments', sums.shipmentsScheduled, books.shipmentsScheduled, 'shipping'),
    line('= completed orders', 'shipments', sums.shipmentsScheduled, books.ordersCompleted, 'order'),
  ]
  return { ok: lines.every(({ ok }) => ok), lines }
}

function moneyLines(currency: string, sums: Sums, books: Books): readonly BalanceLine[] {
  const of = (money: Readonly<Record<string, number>>) => money[currency] ?? 0
  const charged = of(sums.chargedCents)
  const refunded = of(sums.refundedCents)
  return [
    { ...line('money charged', 'cents', charged, of(books.chargedCents), 'payment'), currency },
    { ...line('= taken from cards', 'cents', charged, of(books.takenCents), 'gateway'), currency },
    { ...line('money refunded', 'cents', refunded, of(books.refundedCents), 'payment'), currency },
    { ...line('= given back', 'cents', refunded, of(books.givenBackCents), 'gateway'), currency },
    {
      ...line('= kept, for completed orders', 'cents', charged - refunded, of(books.soldCents), 'order'),
      currency,
    },
  ]
}

function line(
  name: string,
  unit: BalanceLine['unit'],
  events: number,
  books: number,
  by: string,
): BalanceLine {
  return { name, unit, events, books, by, ok: events === books }
}

/** Every currency that anybody speaks of, EUR first so that an empty balance has money in it too. */
function currencies(sums: Sums, books: Books): readonly string[] {
  const all = [
    sums.chargedCents,
    sums.refundedCents,
    books.chargedCents,
    books.refundedCents,
    books.soldCents,
    books.takenCents,
    books.givenBackCents,
  ]
  return [...new Set(['EUR', ...all.flatMap((money) => Object.keys(money)).toSorted()])]
}
