import { reaction } from '@troupe/core'
import { OrderCompleted, ShippingScheduled } from '@troupe-demo/schemas'
import { hasEnded, orderStatus, statusAfter } from './order-status.ts'

/** Ends an order that is on its way. */
export const completeOrder = reaction({
  on: ShippingScheduled,
  emits: [OrderCompleted],
  // Whoever gives up later comes too late: `abandonOrder` asks first.
  final: true,
  reads: ({ data }) => [orderStatus(data.orderId)],
  react({ type, data: { orderId, shipmentId } }, { get, put, emit, timeMs }) {
    const before = get(orderStatus(orderId))
    put(orderStatus(orderId), statusAfter(before, { event: type, state: 'completed', atMs: timeMs }))
    if (!hasEnded(before)) emit(OrderCompleted, { orderId, shipmentId })
  },
})
