import { reaction } from '@troupe/core'
import {
  InventoryFailed,
  InventoryReserved,
  OrderAbandoned,
  OrderReceived,
  PaymentFailed,
  PaymentProcessed,
  ReservationOverdue,
} from '@troupe-demo/schemas'
import { charge } from './charge.ts'
import type { Gateway } from './gateway.ts'
import { reasonToDecline } from './limit.ts'

/** Charges an order's total to its card, or says why not. */
export const chargeCard = (gateway: Gateway) =>
  reaction({
    on: OrderReceived,
    emits: [PaymentProcessed, PaymentFailed],
    deadline: {
      from: PaymentProcessed,
      afterMs: 5 * 60_000,
      emit: ReservationOverdue,
      data: ({ orderId, paymentId }) => ({ orderId, paymentId }),
      liftedBy: [InventoryReserved, InventoryFailed, OrderAbandoned],
    },
    reads: ({ data }) => [charge(data.orderId)],
    async perform({ data: { orderId, totalCents, currency, cardToken } }, { get, idempotencyKey, signal }) {
      // What was declined stays declined, also if somebody says twice that the order was received.
      if (get(charge(orderId)).state !== 'none') return undefined
      const declined = reasonToDecline(totalCents)
      if (declined !== undefined) return { declined }
      const asked = { orderId, amountCents: totalCents, currency, cardToken }
      return await gateway.charge(asked, { idempotencyKey, signal })
    },
    react({ data: { orderId, totalCents, currency, items, shipTo } }, { get, put, emit, id, performed }) {
      const before = get(charge(orderId))
      if (before.state !== 'none' || performed === undefined) return

      if ('declined' in performed) {
        const reason = performed.declined
        put(charge(orderId), { ...before, state: 'declined', currency, reason })
        return emit(PaymentFailed, { orderId, reason })
      }
      const { chargeId } = performed
      put(charge(orderId), { ...before, state: 'charged', chargedCents: totalCents, currency, chargeId })
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
