import { command } from '@troupe/core'
import { OrderReceived } from '@troupe-demo/schemas'
import type { OrderRequest } from './order-request.ts'
import { orderStatus } from './order-status.ts'

/** Takes an order in. The same idempotency key always names the same order. */
export const placeOrder = command({
  emits: [OrderReceived],
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
