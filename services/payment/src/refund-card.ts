import { undo } from '@troupe/core'
import { InventoryFailed, InventoryReleased, PaymentProcessed, PaymentRefunded } from '@troupe-demo/schemas'
import { chargeCard } from './charge-card.ts'
import { charge } from './charge.ts'

/** Gives back what was charged for an order that cannot be met. */
export const refundCard = undo(chargeCard, {
  undoes: PaymentProcessed,
  on: [InventoryFailed, InventoryReleased],
  emits: [PaymentRefunded],
  react({ data: { reason } }, { done: { orderId, paymentId, amountCents, currency }, get, put, emit }) {
    put(charge(orderId), { ...get(charge(orderId)), state: 'refunded', refundedCents: amountCents, reason })
    emit(PaymentRefunded, { orderId, paymentId, amountCents, currency, reason })
  },
})
