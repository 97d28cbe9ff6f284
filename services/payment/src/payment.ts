import { service } from '@troupe/core'
import { chargeCard } from './charge-card.ts'
import { refundCard } from './refund-card.ts'

export const payment = service({
  name: 'payment',
  reactions: { chargeCard, refundCard },
  topic: { partitions: 3, retentionMs: -1 },
})
