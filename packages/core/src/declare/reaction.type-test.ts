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

reaction({
  on: PaymentProcessed,
  emits: [InventoryReserved, InventoryFailed],
  react({ data }, { emit }) {
    const either = data.items.length > 0 ? InventoryReserved : InventoryFailed
    // @ts-expect-error: who does not know which of two events it is cannot emit the data of one
    emit(either, { orderId: data.orderId, reason: 'none' })
    emit(either, { orderId: data.orderId, reason: 'none', items: data.items })
  },
})

reaction({
  on: PaymentProcessed,
  emits: [],
  react(_event, { emit }) {
    // @ts-expect-error: what emits nothing cannot emit anything
    emit(InventoryFailed, { orderId: 'o1', reason: 'none' })
  },
})

// @ts-expect-error: `react` is synchronous
reaction({ on: PaymentProcessed, emits: [], async react() {} })
// @ts-expect-error: nor is it a generator, which would never run
reaction({ on: PaymentProcessed, emits: [], *react() {} })

reaction({
  on: PaymentProcessed,
  emits: [],
  react(_event, { performed }) {
    // @ts-expect-error: `perform` stands above `react`, or `performed` has no type yet
    return void performed.receipt
  },
  // @ts-expect-error: and this promise comes too late
  perform: async ({ id }) => ({ receipt: id }),
})

undo(charge, {
  // @ts-expect-error: a step that emits nothing never says that it was done
  undoes: InventoryFailed,
  on: InventoryReleased,
  emits: [],
  react() {},
})

export const releaseEither = undo(reserveStock, {
  undoes: InventoryReserved,
  on: [ShippingFailed, InventoryReleased],
  emits: [],
  perform: async (_event, { done }) => ({ skus: done.items.map(({ sku }) => sku) }),
  react(event, { done, performed }) {
    const facts: [string, readonly string[]] = [done.orderId, performed.skus]
    if (event.type === 'ShippingFailed') return void [facts, event.data.country]
    // @ts-expect-error: only one of the two has a country
    return void event.data.country
  },
})

export const forget = command({
  emits: [],
  react(_input: { sku: string }) {},
})

command({
  emits: [],
  // @ts-expect-error: a command decides synchronously, too
  async react(_input: { sku: string }) {},
})

command({
  emits: [InventoryReleased],
  react({ sku }: { sku: string }, { emit }) {
    // @ts-expect-error: a command emits what it declares
    emit(InventoryFailed, { orderId: sku, reason: 'none' })
  },
})

reaction({
  on: PaymentProcessed,
  emits: [InventoryReserved, InventoryFailed],
  deadline: {
    from: InventoryReserved,
    afterMs: 1_000,
    emit: InventoryReleased,
    data: ({ orderId, items }) => ({ orderId, first: items[0]?.sku }),
    liftedBy: [ShippingFailed],
  },
  react({ data: { orderId } }, { schedule, lift }) {
    schedule(InventoryFailed, { orderId, reason: 'late' }, { afterMs: 1_000, name: 'patience' })
    schedule(InventoryFailed, { orderId, reason: 'late' }, { atMs: 1_000 })
    lift('patience')
    lift(InventoryFailed)
    // @ts-expect-error: what is not in `emits` cannot be scheduled
    schedule(InventoryReleased, { orderId }, { afterMs: 1_000 })
    // @ts-expect-error: an event cannot be scheduled without its data
    schedule(InventoryFailed, { orderId }, { afterMs: 1_000 })
    // @ts-expect-error: nor without a time
    schedule(InventoryFailed, { orderId, reason: 'late' }, {})
  },
})

reaction({
  on: PaymentProcessed,
  emits: [InventoryReserved],
  deadline: {
    // @ts-expect-error: a deadline begins with what the reaction emits
    from: InventoryFailed,
    afterMs: 1_000,
    emit: InventoryReleased,
    data: () => ({ orderId: 'o1' }),
    liftedBy: [ShippingFailed],
  },
  react() {},
})

reaction({
  on: PaymentProcessed,
  emits: [InventoryReserved],
  deadline: {
    from: InventoryReserved,
    afterMs: 1_000,
    emit: InventoryFailed,
    // @ts-expect-error: the deadline's event has a reason
    data: ({ orderId }) => ({ orderId }),
    liftedBy: [ShippingFailed],
  },
  react() {},
})

command({
  emits: [InventoryFailed],
  react({ sku }: { sku: string }, { lift }) {
    lift('patience', sku)
    // @ts-expect-error: a command is in no saga, so it has to name one
    lift('patience')
  },
})

export const reserveInSql = reaction({
  on: PaymentProcessed,
  emits: [InventoryReserved],
  perform: async ({ id }) => ({ receipt: id }),
  async transact({ data: { orderId, items } }, { sql, emit, performed, signal }) {
    const receipt: string = performed.receipt
    const found = await sql<{
      sku: string
    }>`SELECT sku FROM stock WHERE sku = ANY (${items.map(({ sku }) => sku)})`
    const facts: [string | undefined, number, boolean] = [found[0]?.sku, found.count, signal.aborted]
    emit(InventoryReserved, { orderId, items })
    // @ts-expect-error: what is not in `emits` cannot be emitted
    emit(InventoryFailed, { orderId, reason: 'none' })
    // @ts-expect-error: an object is no value of SQL
    await sql`SELECT ${items[0]}`
    return void [receipt, facts]
  },
})

undo(reserveInSql, {
  undoes: InventoryReserved,
  on: ShippingFailed,
  emits: [InventoryReleased],
  async transact(_event, { done, sql, emit }) {
    await sql.query('DELETE FROM reserved WHERE order_id = $1', [done.orderId])
    emit(InventoryReleased, { orderId: done.orderId })
  },
})

// @ts-expect-error: one of the two forms, not both
reaction({ on: PaymentProcessed, emits: [], react() {}, async transact() {} })
// @ts-expect-error: nor none
reaction({ on: PaymentProcessed, emits: [] })
// @ts-expect-error: documents are for `react`
reaction({ on: PaymentProcessed, emits: [], reads: () => [], async transact() {} })

reaction({
  on: PaymentProcessed,
  emits: [],
  // @ts-expect-error: `transact` gets no documents
  async transact(_event, { get }) {
    void get
  },
})
