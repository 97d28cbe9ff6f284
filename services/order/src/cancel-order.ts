import { reaction } from '@troupe/core'
import { OrderCancelled, PaymentFailed, PaymentRefunded } from '@troupe-demo/schemas'
import { hasEnded, orderStatus, statusAfter } from './order-status.ts'

/** Ends an order that was not paid, or whose payment was given back. */
export const cancelOrder = reaction({
  on: [PaymentFailed, PaymentRefunded],
  emits: [OrderCancelled],
  reads: ({ data }) => [orderStatus(data.orderId)],
  react({ type, data: { orderId, reason } }, { get, put, emit, timeMs }) {
    const before = get(orderStatus(orderId))
    put(orderStatus(orderId), statusAfter(before, { event: type, state: 'cancelled', reason, atMs: timeMs }))
    if (!hasEnded(before)) emit(OrderCancelled, { orderId, reason })
  },
})
