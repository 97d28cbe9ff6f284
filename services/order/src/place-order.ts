import { command } from '@troupe/core'
import {
  OrderOverdue,
  OrderReceived,
  PaymentFailed,
  PaymentRefunded,
  ShippingScheduled,
} from '@troupe-demo/schemas'
import type { OrderRequest } from './order-request.ts'
import { orderStatus } from './order-status.ts'

/** Takes an order in. The same idempotency key always names the same order. */
export const placeOrder = command({
  emits: [OrderReceived],
  // Longer than anybody's own patience on the way: this is for whoever has none.
  deadline: {
    from: OrderReceived,
    afterMs: 15 * 60_000,
    emit: OrderOverdue,
    data: ({ orderId }) => ({ orderId }),
    liftedBy: [ShippingScheduled, PaymentFailed, PaymentRefunded],
  },
  reads: (_order: OrderRequest, { id }) => [orderStatus(id('order'))],
  react({ customerId, items, currency, cardToken, shipTo }, { put, emit, id, timeMs }) {
    const orderId = id('order')
    const totalCents = items.reduce((sum, { quantity, priceCents }) => sum + quantity * priceCents, 0)
    put(orderStatus(orderId), {
      state: 'placed',
      details: { customerId, items, totalCents, currency },
      history: [{ event: 'OrderReceived', state: 'placed', atMs: timeMs }],
    })
    emit(OrderReceived, {
      orderId,
      customerId,
      items,
      totalCents,
      currency,
      cardToken,
      shipTo,
      placedAtMs: timeMs,
    })
    return { orderId, state: 'placed' as const }
  },
})
