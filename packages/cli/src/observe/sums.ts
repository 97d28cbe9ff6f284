import type { Event } from '@troupe/core'

/** What all events together say happened. Money in cents, by currency; stock in pieces. */
export interface Sums {
  readonly ordersReceived: number
  readonly ordersCompleted: number
  readonly ordersCancelled: number
  readonly chargedCents: Readonly<Record<string, number>>
  readonly refundedCents: Readonly<Record<string, number>>
  readonly piecesReserved: number
  readonly piecesReleased: number
  /** Less those that were called off. */
  readonly shipmentsScheduled: number
}

export const noSums: Sums = {
  ordersReceived: 0,
  ordersCompleted: 0,
  ordersCancelled: 0,
  chargedCents: {},
  refundedCents: {},
  piecesReserved: 0,
  piecesReleased: 0,
  shipmentsScheduled: 0,
}

/** The sums with one more event in them. Count each event once: the caller leaves out repeats. */
export function added(sums: Sums, { type, data }: Pick<Event, 'type' | 'data'>): Sums {
  switch (type) {
    case 'OrderReceived':
      return { ...sums, ordersReceived: sums.ordersReceived + 1 }
    case 'OrderCompleted':
      return { ...sums, ordersCompleted: sums.ordersCompleted + 1 }
    case 'OrderCancelled':
      return { ...sums, ordersCancelled: sums.ordersCancelled + 1 }
    case 'PaymentProcessed':
      return { ...sums, chargedCents: withMoney(sums.chargedCents, data as Money) }
    case 'PaymentRefunded':
      return { ...sums, refundedCents: withMoney(sums.refundedCents, data as Money) }
    case 'InventoryReserved':
      return { ...sums, piecesReserved: sums.piecesReserved + pieces(data as Items) }
    case 'InventoryReleased':
      return { ...sums, piecesReleased: sums.piecesReleased + pieces(data as Items) }
    case 'ShippingScheduled':
      return { ...sums, shipmentsScheduled: sums.shipmentsScheduled + 1 }
    case 'ShippingCancelled':
      return { ...sums, shipmentsScheduled: sums.shipmentsScheduled - 1 }
    default:
      return sums
  }
}

interface Money {
  readonly amountCents: number
  readonly currency: string
}

interface Items {
  readonly items: readonly { readonly quantity: number }[]
}

/** Adds an amount under its currency. */
export function withMoney(
  money: Readonly<Record<string, number>>,
  { amountCents, currency }: Money,
): Readonly<Record<string, number>> {
  return { ...money, [currency]: (money[currency] ?? 0) + amountCents }
}

/** How many pieces some lines are together. */
export function pieces({ items }: Items): number {
  return items.reduce((sum, { quantity }) => sum + quantity, 0)
}
