import { undo } from '@troupe/core'
import {
  InventoryFailed,
  InventoryReleased,
  OrderAbandoned,
  PaymentProcessed,
  PaymentRefunded,
} from '@troupe-demo/schemas'
import type { chargeCard } from './charge-card.ts'
import { charge } from './charge.ts'
import type { Gateway } from './gateway.ts'

/** Gives back what was charged for an order that cannot be met. */
export const refundCard = (charging: ReturnType<typeof chargeCard>, gateway: Gateway) =>
  undo(charging, {
    undoes: PaymentProcessed,
    on: [InventoryFailed, InventoryReleased, OrderAbandoned],
    emits: [PaymentRefunded],
    async perform(_event, { done: { orderId, amountCents }, get, idempotencyKey, signal }) {
      const { chargeId } = get(charge(orderId))
      // Charged before there was a gateway.
      if (chargeId === undefined) return undefined
      return await gateway.refund({ chargeId, amountCents }, { idempotencyKey, signal })
    },
    react({ data: { reason } }, { done: { orderId, paymentId, amountCents, currency }, get, put, emit }) {
      put(charge(orderId), { ...get(charge(orderId)), state: 'refunded', refundedCents: amountCents, reason })
      emit(PaymentRefunded, { orderId, paymentId, amountCents, currency, reason })
    },
  })
