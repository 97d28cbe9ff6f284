// What the tests of this room share: event types without Avro, a small inventory, and a way to handle
// events as a service would. Not part of the package.
import { admit, type Verdict } from './batch/admit.ts'
import type { Delivery, DeriveId, Request } from './batch/delivery.ts'
import { recallFor } from './batch/delivery.ts'
import { document } from './declare/document.ts'
import { isTroupeError, type TroupeError } from './errors.ts'
import type { AvroRecordSchema, Event, EventType } from './declare/event-type.ts'
import type { Deciding } from './batch/saying.ts'
import { reactTo, withoutRunning } from './batch/react.ts'
import { reaction, undo } from './declare/reaction.ts'
import { service, type Service } from './declare/service.ts'
import type { WorkingSet } from './batch/working-set.ts'

/** An event type that takes any data: its constructor checks nothing but that an order is named. */
export function eventType<const Type extends string, Data extends { readonly orderId: string }>(
  type: Type,
  owner: string,
): EventType<Type, Data> {
  const schema: AvroRecordSchema = { type: 'record', name: type, fields: [] }
  const made: EventType<Type, Data> = Object.assign(
    (input: Data) => ({ eventType: made, type, data: made.complete(input) }),
    {
      type,
      owner,
      topic: `${owner}.events`,
      schema,
      keyOf: (data: Data) => data.orderId,
      complete: (input: Data) => ({ ...input }),
    },
  )
  return made
}

export interface Item {
  readonly sku: string
  readonly quantity: number
}

export const PaymentProcessed = eventType<'PaymentProcessed', { orderId: string; items: readonly Item[] }>(
  'PaymentProcessed',
  'payment',
)
export const ShippingFailed = eventType<'ShippingFailed', { orderId: string }>('ShippingFailed', 'shipping')
export const OrderWithdrawn = eventType<'OrderWithdrawn', { orderId: string }>('OrderWithdrawn', 'order')
export const StockCounted = eventType<'StockCounted', { orderId: string; sku: string; free: number }>(
  'StockCounted',
  'warehouse',
)
export const InventoryReserved = eventType<'InventoryReserved', { orderId: string; items: readonly Item[] }>(
  'InventoryReserved',
  'inventory',
)
export const InventoryFailed = eventType<'InventoryFailed', { orderId: string; reason: string }>(
  'InventoryFailed',
  'inventory',
)
export const InventoryReleased = eventType<'InventoryReleased', { orderId: string }>(
  'InventoryReleased',
  'inventory',
)

/** Said when nobody has shipped for a long time what is held. */
export const HoldOverdue = eventType<'HoldOverdue', { orderId: string; skus: readonly string[] }>(
  'HoldOverdue',
  'inventory',
)

export interface Stock {
  readonly free: number
  readonly held: number
  /** Who changed it, in order: a batch that mixes up the order shows here. */
  readonly history: readonly string[]
}

/** Enough for everybody, until somebody counts less. */
export const stockAtFirst = 1_000

export const stock = document<Stock>({
  name: 'stock',
  initial: () => ({ free: stockAtFirst, held: 0, history: [] }),
})

export const reserveStock = reaction({
  on: PaymentProcessed,
  emits: [InventoryReserved, InventoryFailed],
  deadline: {
    from: InventoryReserved,
    afterMs: 60_000,
    emit: HoldOverdue,
    data: ({ orderId, items }) => ({ orderId, skus: items.map(({ sku }) => sku) }),
    liftedBy: [ShippingFailed, OrderWithdrawn],
  },
  reads: ({ data }) => data.items.map(({ sku }) => stock(sku)),
  react({ id, data }, { get, put, emit }) {
    for (const { sku, quantity } of data.items) {
      const { free, held, history } = get(stock(sku))
      // Puts before it throws: what it put must be gone.
      put(stock(sku), { free: free - quantity, held: held + quantity, history: [...history, id] })
      if (sku === 'poison') throw new Error('could not tell')
    }
    const short = data.items.find(({ sku }) => get(stock(sku)).free < 0)
    if (!short) return emit(InventoryReserved, { orderId: data.orderId, items: data.items })
    for (const { sku, quantity } of data.items) {
      const { free, held, history } = get(stock(sku))
      put(stock(sku), { free: free + quantity, held: held - quantity, history: [...history, `not ${id}`] })
    }
    return emit(InventoryFailed, { orderId: data.orderId, reason: `out of stock: ${short.sku}` })
  },
})

export const releaseStock = undo(reserveStock, {
  undoes: InventoryReserved,
  on: [ShippingFailed, OrderWithdrawn],
  emits: [InventoryReleased],
  react({ id, data }, { get, put, emit, done }) {
    for (const { sku, quantity } of done.items) {
      const { free, held, history } = get(stock(sku))
      put(stock(sku), { free: free + quantity, held: held - quantity, history: [...history, id] })
    }
    emit(InventoryReleased, { orderId: data.orderId })
  },
})

const countStock = reaction({
  on: StockCounted,
  emits: [],
  reads: ({ data }) => [stock(data.sku)],
  react({ id, data }, { get, put }) {
    const { held, history } = get(stock(data.sku))
    put(stock(data.sku), { free: data.free, held, history: [...history, id] })
  },
})

export const inventory = service({
  name: 'inventory',
  reactions: { reserveStock, releaseStock, countStock },
})

/** Readable in place of short: the same parts, the same id; any other parts, another. */
export const deriveId: DeriveId = (...parts) => JSON.stringify(parts)

export const ids = (causeId: string) => (name?: string) => deriveId('inventory', causeId, 'id', name ?? 'id')

export const deciding: Deciding = {
  service: 'inventory',
  deriveId,
  schemaNameOf: (type) => `json:${type.type}`,
  encode: (_type, data) => new TextEncoder().encode(JSON.stringify(data)),
  timeMs: Date.UTC(2026, 0, 2),
  eventBytesMax: 100_000,
}

export function decoded(bytes: Uint8Array | null | undefined): object {
  return JSON.parse(new TextDecoder().decode(bytes ?? undefined)) as object
}

/** An event on its way to a service that hears it. */
export function deliver<Type extends string, Data extends object>(
  { type, owner }: EventType<Type, Data, never>,
  data: NoInfer<Data>,
  envelope: Partial<Event> = {},
  to: Service = inventory,
): Delivery {
  const bound = to.reactions.get(type)
  if (!bound) throw new Error(`${to.name} does not hear ${type}`)
  const { orderId } = data as { orderId?: string }
  const event: Event = {
    id: `${type} of ${orderId}`,
    type,
    source: owner,
    timeMs: 0,
    key: orderId ?? 'o1',
    correlationId: orderId ?? 'o1',
    causationId: undefined,
    traceparent: undefined,
    tracestate: undefined,
    data,
    ...envelope,
  }
  return { form: 'event', event, bound }
}

/** A request for a command of a service. */
export function ask(to: Service, name: string, input: object, idempotencyKey = 'k1'): Request {
  const command = to.commands.get(name)
  if (!command) throw new Error(`${to.name} has no command ${name}`)
  return { form: 'command', name, command, input, inputHash: JSON.stringify(input), idempotencyKey }
}

/** Handles one delivery on a working set as a service does: admit, react or record, apply. Throws what the reaction throws. */
export function handle(delivery: Delivery, set: WorkingSet, using: Deciding = deciding): Verdict {
  const verdict = admit(delivery, set)
  if (verdict !== 'run') {
    const changes = withoutRunning(delivery, verdict)
    if (changes) set.apply(changes)
    return verdict
  }
  const { reads } = recallFor([delivery], ids)
  const { step } = delivery.bound
  const stored = step === undefined ? undefined : set.step({ saga: delivery.event.correlationId, step })
  const done = stored?.done ? decoded(stored.done) : undefined
  set.apply(
    reactTo(delivery, reads[0] ?? [], { performed: undefined, done }, set, { deciding: using, lane: 'in/0' }),
  )
  return verdict
}

/** What a function threw, which must be a TroupeError. */
export function refusal(refused: () => unknown): TroupeError {
  try {
    refused()
  } catch (error) {
    if (isTroupeError(error)) return error
    throw error
  }
  throw new Error('Nothing was refused.')
}

export const nothingStored = { seen: [], documents: [], steps: [], answers: [], keys: [] }
