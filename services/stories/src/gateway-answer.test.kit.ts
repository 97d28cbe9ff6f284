import type { Event } from '@troupe/core'
import { reasonToDecline } from '@troupe-demo/payment'
import type { OrderReceived } from '@troupe-demo/schemas'
import { declinedCard } from './orders.ts'

/** What payment's calls to the gateway come to. Each order has one charge at most, so that its id may be the order's. */
export function gatewayAnswer(_service: string, { type, data }: Event): unknown {
  if (type !== 'OrderReceived') return { refundId: 're_1' }
  const { orderId, totalCents, cardToken } = data as ReturnType<typeof OrderReceived>['data']
  const declined =
    reasonToDecline(totalCents) ?? (cardToken === declinedCard.cardToken ? 'card declined' : undefined)
  return declined === undefined ? { chargeId: `ch_${orderId}` } : { declined }
}
