import { service } from '@troupe/core'
import { ShippingCancelled } from '@troupe-demo/schemas'
import { cancelShipment } from './cancel-shipment.ts'
import { scheduleShipment } from './schedule-shipment.ts'

export const shipping = service({
  name: 'shipping',
  reactions: { scheduleShipment, cancelShipment },
  // With it nothing begins any more: order has ended the saga before.
  ends: { aside: [ShippingCancelled] },
  topic: { partitions: 3, retentionMs: -1 },
})
