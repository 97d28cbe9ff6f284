// Compiled, never run: each @ts-expect-error is an assertion about what does not compile.
import { command } from './command.ts'
import { document } from './document.ts'
import type { EventType } from './event-type.ts'
import { reaction, undo } from './reaction.ts'
import { service } from './service.ts'

interface Item {
  readonly sku: string
  readonly quantity: number
}
declare const PaymentProcessed: EventType<
  'PaymentProcessed',
  { orderId: string; items: readonly Item[]; note: string },
  { orderId: string; items: readonly Item[]; note?: string }
>
declare const InventoryReserved: EventType<'InventoryReserved', { orderId: string; items: readonly Item[] }>
declare const InventoryFailed: EventType<'InventoryFailed', { orderId: string; reason: string }>
declare const ShippingFailed: EventType<'ShippingFailed', { orderId: string; country: string }>
declare const InventoryReleased: EventType<'InventoryReleased', { orderId: string }>

const stock = document({ name: 'stock', initial: () => ({ free: 0, held: 0 }) })

export const reserveStock = reaction({
  on: PaymentProcessed,
  emits: [InventoryReserved, InventoryFailed],
  reads: ({ data }) => data.items.map(({ sku }) => stock(sku)),
  react({ data, correlationId }, { get, put, emit, id, performed, timeMs }) {
    const none: undefined = performed
    const facts: [string, string, string, number] = [correlationId, data.note, id(), timeMs]
    const short = data.items.find(({ sku, quantity }) => get(stock(sku)).free < quantity)
    if (short) return emit(InventoryFailed, { orderId: data.orderId, reason: `out of stock: ${short.sku}` })
    for (const { sku } of data.items) put(stock(sku), { free: 1, held: 2 })
    emit(InventoryReserved, { orderId: data.orderId, items: data.items })
    // @ts-expect-error: an event that is not in `emits` cannot be emitted
    emit(InventoryReleased, { orderId: data.orderId })
    // @ts-expect-error: an event cannot be emitted without its data
    emit(InventoryFailed, { orderId: data.orderId })
    // @ts-expect-error: a document keeps its type
    put(stock('book'), { free: 'many' })
    return void [none, facts]
  },
})

export const releaseStock = undo(reserveStock, {
  undoes: InventoryReserved,
  on: ShippingFailed,
  emits: [InventoryReleased],
  react({ data }, { done, emit }) {
    const items: readonly Item[] = done.items
    const country: string = data.country
    emit(InventoryReleased, { orderId: data.orderId })
    return void [items, country]
  },
})

undo(reserveStock, {
  // @ts-expect-error: the step never emits this, so it cannot say that it was done
  undoes: InventoryReleased,
  on: ShippingFailed,
  emits: [],
  react() {},
})

undo(reserveStock, {
  undoes: InventoryReserved,
  // @ts-expect-error: a step is not undone by its own event
  on: InventoryFailed,
  emits: [],
  react() {},
})

undo(reserveStock, {
  undoes: InventoryReserved,
  // @ts-expect-error: nor by the event that it hears
  on: [ShippingFailed, PaymentProcessed],
  emits: [],
  react() {},
})

export const charge = reaction({
  on: [PaymentProcessed, ShippingFailed],
  emits: [],
  perform: async (event, { idempotencyKey }) => ({ receipt: `${event.type}/${idempotencyKey}` }),
  react(event, { performed }) {
    const receipt: string = performed.receipt
    if (event.type === 'ShippingFailed') return void event.data.country
    // @ts-expect-error: only one of the two has a country
    return void [receipt, event.data.country]
  },
})

export const restock = command({
  emits: [InventoryReleased],
  reads: (input: { sku: string; quantity: number }) => [stock(input.sku)],
  react({ sku, quantity }, { get, put, emit }) {
    put(stock(sku), { ...get(stock(sku)), free: quantity })
    emit(InventoryReleased, { orderId: sku })
    return { sku, free: quantity }
  },
})

export const inventory = service({
  name: 'inventory',
  reactions: { reserveStock, releaseStock },
  commands: { restock },
})
