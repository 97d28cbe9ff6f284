import { reaction } from '@troupe/core'
import { InventoryReserved, ShippingFailed, ShippingScheduled } from '@troupe-demo/schemas'
import { deliveryTimesMs } from './served-countries.ts'
import { shipment } from './shipment.ts'

/** Books a shipment for an order whose goods are held, if the carrier goes there. */
export const scheduleShipment = reaction({
  on: InventoryReserved,
  emits: [ShippingScheduled, ShippingFailed],
  reads: ({ data }) => [shipment(data.orderId)],
  react({ data: { orderId, shipTo } }, { get, put, emit, id, timeMs }) {
    // An order is shipped once, also if somebody says twice that its goods are held.
    if (get(shipment(orderId)).state !== 'none') return

    const { country } = shipTo
    const deliveryTimeMs = deliveryTimesMs.get(country)
    if (deliveryTimeMs === undefined) {
      const reason = `address not served: ${country || 'no country'}`
      put(shipment(orderId), { state: 'refused', country, reason })
      return emit(ShippingFailed, { orderId, reason })
    }
    const [shipmentId, deliverByMs] = [id('shipment'), timeMs + deliveryTimeMs]
    put(shipment(orderId), { state: 'scheduled', shipmentId, country, deliverByMs })
    emit(ShippingScheduled, { orderId, shipmentId, deliverByMs })
  },
})
