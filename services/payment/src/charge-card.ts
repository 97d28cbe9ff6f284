import { reaction } from '@troupe/core'
import { OrderReceived, PaymentFailed, PaymentProcessed } from '@troupe-demo/schemas'
import { reasonToDecline } from './card-rules.ts'
import { charge } from './charge.ts'

/** Charges an order's total to its card, or says why not. */
export const chargeCard = reaction({
  on: OrderReceived,
  emits: [PaymentProcessed, PaymentFailed],
  reads: ({ data }) => [charge(data.orderId)],
  react({ data: { orderId, totalCents, currency, cardToken, items, shipTo } }, { get, put, emit, id }) {
    const before = get(charge(orderId))
    // What was declined stays declined, also if somebody says twice that the order was received.
    if (before.state !== 'none') return

    const reason = reasonToDecline(cardToken, totalCents)
    if (reason !== undefined) {
      put(charge(orderId), { ...before, state: 'declined', currency, reason })
      return emit(PaymentFailed, { orderId, reason })
    }
    put(charge(orderId), { ...before, state: 'charged', chargedCents: totalCents, currency })
    emit(PaymentProcessed, {
      orderId,
      paymentId: id('payment'),
      amountCents: totalCents,
      currency,
      items: items.map(({ sku, quantity }) => ({ sku, quantity })),
      shipTo,
    })
  },
})
