import { service } from '@troupe/core'
import { scheduleShipment } from './schedule-shipment.ts'

export const shipping = service({
  name: 'shipping',
  reactions: { scheduleShipment },
  topic: { partitions: 3, retentionMs: -1 },
})
