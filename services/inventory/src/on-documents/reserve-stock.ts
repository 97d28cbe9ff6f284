import { reaction } from '@troupe/core'
import { InventoryFailed, InventoryReserved, PaymentProcessed } from '@troupe-demo/schemas'
import { perSku } from '../stock.ts'
import { hold, stock } from './stock.ts'

/** Holds every article of a paid order, or none of them. */
export const reserveStock = reaction({
  on: PaymentProcessed,
  emits: [InventoryReserved, InventoryFailed],
  reads: ({ data }) => data.items.map(({ sku }) => stock(sku)),
  react({ data: { orderId, items, shipTo } }, { get, put, emit, id }) {
    // Sums come after this check: a line of -1 would make room for another line of the same article.
    const odd = items.find(({ quantity }) => quantity < 1)
    if (odd)
      return emit(InventoryFailed, { orderId, reason: `not a quantity: ${odd.quantity} of ${odd.sku}` })

    const wanted = perSku(items)
    const short = wanted.find(({ sku, quantity }) => get(stock(sku)).free < quantity)
    if (short) return emit(InventoryFailed, { orderId, reason: `out of stock: ${short.sku}` })

    for (const { sku, quantity } of wanted) put(stock(sku), hold(get(stock(sku)), quantity))
    emit(InventoryReserved, { orderId, reservationId: id('reservation'), items: wanted, shipTo })
  },
})
