import { undo } from '@troupe/core'
import { InventoryReleased, InventoryReserved, OrderAbandoned, ShippingFailed } from '@troupe-demo/schemas'
import { giveBackStock } from './hold-stock.ts'
import { reserveStock } from './reserve-stock.ts'

/** Gives back what was held for an order that cannot be shipped, or that order has given up on. */
export const releaseStock = undo(reserveStock, {
  undoes: InventoryReserved,
  on: [ShippingFailed, OrderAbandoned],
  emits: [InventoryReleased],
  async transact({ data: { reason } }, { done: { orderId, reservationId, items }, sql, emit }) {
    await giveBackStock(sql, items)
    emit(InventoryReleased, { orderId, reservationId, items, reason })
  },
})
