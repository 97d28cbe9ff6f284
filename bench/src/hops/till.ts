import { document, reaction, service, undo } from '@troupe/core'
import { InventoryFailed, OrderReceived, PaymentProcessed } from '@troupe-demo/schemas'

interface Taken {
  readonly state: 'none' | 'charged' | 'refunded'
  readonly chargedCents: number
  readonly refundedCents: number
  readonly currency: string
}

const taken = document<Taken>({
  name: 'charge',
  initial: () => ({ state: 'none', chargedCents: 0, refundedCents: 0, currency: 'EUR' }),
})

/** Payment that decides by itself: what the demo's does, but for its call to the gateway, which would be measured in its place. */
export const till = tillWith(() => {})

/** @param check throws for orders that this one cannot charge */
export function tillWith(check: (orderId: string) => void) {
  const chargeCard = reaction({
    on: OrderReceived,
    emits: [PaymentProcessed],
    reads: ({ data }) => [taken(data.orderId)],
    react({ data: { orderId, totalCents, currency, items, shipTo } }, { get, put, emit, id }) {
      const before = get(taken(orderId))
      if (before.state !== 'none') return
      check(orderId)
      put(taken(orderId), { ...before, state: 'charged', chargedCents: totalCents, currency })
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
  const refundCard = undo(chargeCard, {
    undoes: PaymentProcessed,
    on: InventoryFailed,
    emits: [],
    react(_event, { done: { orderId, amountCents }, get, put }) {
      put(taken(orderId), { ...get(taken(orderId)), state: 'refunded', refundedCents: amountCents })
    },
  })
  return service({
    name: 'payment',
    reactions: { chargeCard, refundCard },
    topic: { partitions: 3, retentionMs: -1 },
  })
}
