import { type Service, service } from '@troupe/core'
import { chargeCard } from './charge-card.ts'
import { type Gateway, noGateway } from './gateway.ts'
import { refundCard } from './refund-card.ts'

/** Payment that moves money through this gateway. */
export function paymentThrough(gateway: Gateway): Service {
  const charging = chargeCard(gateway)
  return service({
    name: 'payment',
    reactions: { chargeCard: charging, refundCard: refundCard(charging, gateway) },
    topic: { partitions: 3, retentionMs: -1 },
  })
}

/** As it is declared: to be looked at, and for stories in which what a call came to is given. */
export const payment = paymentThrough(noGateway)
