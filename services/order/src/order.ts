import { service } from '@troupe/core'
import { OrderCancelled, OrderCompleted } from '@troupe-demo/schemas'
import { abandonOrder } from './abandon-order.ts'
import { cancelOrder } from './cancel-order.ts'
import { completeOrder } from './complete-order.ts'
import { placeOrder } from './place-order.ts'

export const order = service({
  name: 'order',
  commands: { placeOrder },
  reactions: { completeOrder, cancelOrder, abandonOrder },
  ends: { completed: [OrderCompleted], cancelled: [OrderCancelled] },
  // Of `order.events`. How many brokers keep it is not for the service to say: TROUPE_TOPIC_REPLICATION.
  topic: { partitions: 3, retentionMs: -1 },
})
