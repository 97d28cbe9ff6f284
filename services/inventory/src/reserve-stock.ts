import { reaction } from '@troupe/core'
import { InventoryFailed, InventoryReserved, PaymentProcessed } from '@troupe-demo/schemas'
import { holdStock } from './hold-stock.ts'
import { perSku } from './stock.ts'

/** Holds every article of a paid order, or none of them. */
export const reserveStock = reaction({
  on: PaymentProcessed,
  emits: [InventoryReserved, InventoryFailed],
  async transact({ data: { orderId, items, shipTo } }, { sql, emit, id }) {
    // Sums come after this check: a line of -1 would make room for another line of the same article.
    const odd = items.find(({ quantity }) => quantity < 1)
    if (odd)
      return emit(InventoryFailed, { orderId, reason: `not a quantity: ${odd.quantity} of ${odd.sku}` })

    const wanted = perSku(items)
    const short = await holdStock(sql, wanted)
    if (short !== undefined) return emit(InventoryFailed, { orderId, reason: `out of stock: ${short}` })
    emit(InventoryReserved, { orderId, reservationId: id('reservation'), items: wanted, shipTo })
  },
})
