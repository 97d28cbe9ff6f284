import { reaction } from '@troupe/core'
import { OrderAbandoned, OrderCancelled, OrderOverdue, ReservationOverdue } from '@troupe-demo/schemas'
import { hasEnded, orderStatus, statusAfter } from './order-status.ts'

/**
 * Gives up on an order for which somebody waits in vain, unless it has ended meanwhile. Here it is decided how an
 * order ends, and nowhere else: whoever answers after that finds the order cancelled, and his work called off.
 */
export const abandonOrder = reaction({
  on: [ReservationOverdue, OrderOverdue],
  emits: [OrderAbandoned, OrderCancelled],
  reads: ({ data }) => [orderStatus(data.orderId)],
  react({ type, data: { orderId } }, { get, put, emit, timeMs }) {
    const before = get(orderStatus(orderId))
    const reason = type === 'ReservationOverdue' ? 'no answer from inventory' : 'no answer in time'
    put(orderStatus(orderId), statusAfter(before, { event: type, state: 'cancelled', reason, atMs: timeMs }))
    if (hasEnded(before)) return
    emit(OrderAbandoned, { orderId, reason })
    emit(OrderCancelled, { orderId, reason })
  },
})
