import { service } from '@troupe/core'
import { OrderCancelled, OrderCompleted } from '@troupe-demo/schemas'
import { cancelOrder } from './cancel-order.ts'
import { completeOrder } from './complete-order.ts'
import { placeOrder } from './place-order.ts'

export const order = service({
  name: 'order',
  commands: { placeOrder },
  reactions: { completeOrder, cancelOrder },
  ends: { completed: [OrderCompleted], cancelled: [OrderCancelled] },
  // Of `order.events`. How many brokers keep it is not for the service to say: TROUPE_TOPIC_REPLICATION.
  topic: { partitions: 3, retentionMs: -1 },
})
