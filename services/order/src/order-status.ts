import { document } from '@troupe/core'

export type OrderState = 'unknown' | 'placed' | 'completed' | 'cancelled'

/** One event of an order's story, and the state in which it left the order. */
export interface HistoryEntry {
  readonly event: string
  readonly state: OrderState
  readonly atMs: number
}

export interface OrderDetails {
  readonly customerId: string
  readonly items: readonly { readonly sku: string; readonly quantity: number; readonly priceCents: number }[]
  readonly totalCents: number
  readonly currency: string
}

/** How far an order has come. It ends once: what is completed or cancelled stays so. */
export interface OrderStatus {
  readonly state: OrderState
  /** Why it was cancelled. */
  readonly reason?: string
  /** What was ordered; missing if the order was not placed here. */
  readonly details?: OrderDetails
  /** The latest {@link historyMax} events that concerned it, oldest first. */
  readonly history: readonly HistoryEntry[]
}

/** One order's status, by order id. */
export const orderStatus = document<OrderStatus>({
  name: 'order-status',
  initial: () => ({ state: 'unknown', history: [] }),
})

/** More events than any order's story has; a bound for what outsiders send. */
export const historyMax = 20

/** True once nothing can change the order any more. */
export function hasEnded({ state }: OrderStatus): boolean {
  return state === 'completed' || state === 'cancelled'
}

/** The status after an event: with the end that it brings, unless the order has ended before. */
export function statusAfter(
  before: OrderStatus,
  {
    event,
    atMs,
    ...end
  }: { readonly event: string; readonly atMs: number } & Pick<OrderStatus, 'state' | 'reason'>,
): OrderStatus {
  const after = hasEnded(before) ? before : { ...before, ...end }
  return { ...after, history: [...before.history, { event, state: after.state, atMs }].slice(-historyMax) }
}
