import { undo } from '@troupe/core'
import { InventoryReleased, InventoryReserved, OrderAbandoned, ShippingFailed } from '@troupe-demo/schemas'
import { reserveStock } from './reserve-stock.ts'
import { release, stock } from './stock.ts'

/** Gives back what was held for an order that cannot be shipped, or that order has given up on. */
export const releaseStock = undo(reserveStock, {
  undoes: InventoryReserved,
  on: [ShippingFailed, OrderAbandoned],
  emits: [InventoryReleased],
  react({ data: { reason } }, { done: { orderId, reservationId, items }, get, put, emit }) {
    for (const { sku, quantity } of items) put(stock(sku), release(get(stock(sku)), quantity))
    emit(InventoryReleased, { orderId, reservationId, items, reason })
  },
})
