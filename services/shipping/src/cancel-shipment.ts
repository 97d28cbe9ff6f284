import { undo } from '@troupe/core'
import { OrderAbandoned, ShippingCancelled, ShippingScheduled } from '@troupe-demo/schemas'
import { scheduleShipment } from './schedule-shipment.ts'
import { shipment } from './shipment.ts'

/** Calls a shipment off that order has given up on. */
export const cancelShipment = undo(scheduleShipment, {
  undoes: ShippingScheduled,
  on: OrderAbandoned,
  emits: [ShippingCancelled],
  react({ data: { reason } }, { done: { orderId, shipmentId }, get, put, emit }) {
    const before = get(shipment(orderId))
    const country = before.state === 'none' ? '' : before.country
    put(shipment(orderId), { state: 'cancelled', shipmentId, country, reason })
    emit(ShippingCancelled, { orderId, shipmentId, reason })
  },
})
