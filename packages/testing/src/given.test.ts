import { describe, expect, it } from '@jest/globals'
import { command, document, reaction, service, undo } from '@troupe/core'
import {
  InventoryFailed,
  InventoryReleased,
  InventoryReserved,
  PaymentProcessed,
  ShippingFailed,
} from '@troupe-demo/schemas'
import { specify } from './given.ts'
import { like } from './given-like.ts'

const stock = document({ name: 'stock', initial: () => ({ free: 0, held: 0 }) })

const reserve = reaction({
  on: PaymentProcessed,
  emits: [InventoryReserved, InventoryFailed],
  reads: ({ data }) => data.items.map(({ sku }) => stock(sku)),
  react({ data: { orderId, items, shipTo } }, { get, put, emit, id }) {
    const [first] = items
    if (!first) throw new Error('an order without items')
    const { free, held } = get(stock(first.sku))
    if (free < first.quantity) return emit(InventoryFailed, { orderId, reason: `out of stock: ${first.sku}` })
    put(stock(first.sku), { free: free - first.quantity, held: held + first.quantity })
    emit(InventoryReserved, { orderId, reservationId: id('reservation'), items, shipTo })
  },
})
const release = undo(reserve, {
  undoes: InventoryReserved,
  on: ShippingFailed,
  emits: [InventoryReleased],
  react({ data: { reason } }, { done: { orderId, reservationId, items }, get, put, emit, timeMs }) {
    for (const { sku, quantity } of items) {
      put(stock(sku), { free: get(stock(sku)).free + quantity, held: get(stock(sku)).held - quantity })
    }
    emit(InventoryReleased, { orderId, reservationId, items, reason: `${reason} at ${timeMs}` })
  },
})
const restock = command({
  emits: [],
  reads: ({ sku }: { sku: string; quantity: number }) => [stock(sku)],
  react({ sku, quantity }, { get, put }) {
    put(stock(sku), { ...get(stock(sku)), free: get(stock(sku)).free + quantity })
    return { free: get(stock(sku)).free }
  },
})
const inventory = service({ name: 'inventory', reactions: { reserve, release }, commands: { restock } })

const reservationId = '00000000-0000-8000-8000-000000000001'
const { given, when, whenAsked, at } = specify(inventory, { ids: { reservation: reservationId } })

const shipTo = { country: 'DE' }
const paid = (quantity = 1, orderId = 'o1') =>
  PaymentProcessed({
    orderId,
    paymentId: '00000000-0000-8000-8000-000000000002',
    amountCents: 100,
    items: [{ sku: 'book', quantity }],
    shipTo,
  })
const reserved = InventoryReserved({
  orderId: 'o1',
  reservationId,
  items: [{ sku: 'book', quantity: 1 }],
  shipTo,
})
const shippingFailed = ShippingFailed({ orderId: 'o1', reason: 'no road' })

/** What a story's failure says. */
function messageOf(story: () => unknown): string {
  try {
    story()
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
  throw new Error('the story did not fail')
}

describe('a story that holds', () => {
  it('says what is emitted and what documents hold', () => {
    given(stock('book'), { free: 1, held: 0 })
      .when(paid())
      .then(reserved)
      .thenDocument(stock('book'), { free: 0, held: 1 })
      .thenOutcome('applied')
  })

  it('takes a failure of business for an event like any other', () => {
    when(paid()).then(InventoryFailed({ orderId: 'o1', reason: 'out of stock: book' }))
  })

  it('can expect some fields only', () => {
    given(stock('book'), { free: 1, held: 0 })
      .when(paid())
      .then(like(InventoryReserved, { items: [{ sku: 'book' }], shipTo: { country: 'DE' } }))
  })

  it('carries state and steps from event to event', () => {
    given(stock('book'), { free: 1, held: 0 })
      .when(paid())
      .then(reserved)
      .when(paid(1, 'o2'))
      .then(like(InventoryFailed, { orderId: 'o2' }))
      .when(shippingFailed)
      .then(like(InventoryReleased, { orderId: 'o1', reservationId }))
      .thenDocument(stock('book'), { free: 1, held: 0 })
  })

  it('has an earlier event done with, its own emits forgotten', () => {
    given(stock('book'), { free: 1, held: 0 })
      .given(paid())
      .when(shippingFailed)
      .then(like(InventoryReleased, {}))
  })

  it('does nothing when an event is redelivered', () => {
    given(stock('book'), { free: 2, held: 0 })
      .when(paid())
      .then(reserved)
      .whenRedelivered()
      .then()
      .thenOutcome('duplicate')
      .thenDocument(stock('book'), { free: 1, held: 1 })
  })

  it('bars a step whose undo came first, and repeats no step and no undo', () => {
    given(stock('book'), { free: 2, held: 0 })
      .when(shippingFailed)
      .then()
      .thenOutcome('barred')
      .when(paid())
      .then()
      .thenOutcome('step-barred')
    given(stock('book'), { free: 2, held: 0 }).given(paid()).when(paid()).then().thenOutcome('step-repeated')
    given(stock('book'), { free: 2, held: 0 })
      .given(paid())
      .given(shippingFailed)
      .when(shippingFailed)
      .then()
      .thenOutcome('undo-repeated')
  })

  it('keeps sagas apart by the key, or as it is told', () => {
    given(stock('book'), { free: 1, held: 0 })
      .given(paid(), { saga: 'elsewhere' })
      .when(shippingFailed)
      .then()
      .thenOutcome('barred')
  })

  it('has the time that it is given', () => {
    at(1_000)
      .given(stock('book'), { free: 1, held: 0 })
      .given(paid())
      .at(2_000)
      .when(shippingFailed)
      .then(like(InventoryReleased, { reason: 'no road at 2000' }))
  })

  it('starts anew from a scenario that another story went on from', () => {
    const stocked = given(stock('book'), { free: 1, held: 0 })
    stocked.when(paid()).then(reserved)
    stocked.when(paid()).then(reserved)
  })

  it('gives a command the same answer for the same key', () => {
    whenAsked(restock, { sku: 'book', quantity: 2 }, { idempotencyKey: 'k' })
      .then()
      .thenAnswers({ free: 2 })
      .whenRedelivered()
      .thenAnswers({ free: 2 })
      .thenDocument(stock('book'), { free: 2, held: 0 })
      .whenAsked(restock, { quantity: 2, sku: 'book' }, { idempotencyKey: 'k' })
      .thenAnswers({ free: 2 })
      .whenAsked(restock, { sku: 'book', quantity: 2 })
      .thenAnswers({ free: 4 })
  })

  it('refuses a key that comes again with another input', () => {
    whenAsked(restock, { sku: 'book', quantity: 2 }, { idempotencyKey: 'k' })
      .whenAsked(restock, { sku: 'book', quantity: 3 }, { idempotencyKey: 'k' })
      .thenThrows('TROUPE_IDEMPOTENCY_KEY_REUSED')
  })

  it('hands the reaction what perform resolved to', () => {
    const asked = reaction({
      on: PaymentProcessed,
      emits: [InventoryFailed],
      perform: () => Promise.resolve({ reason: 'unused' }),
      react: ({ data: { orderId } }, { performed, emit }) =>
        emit(InventoryFailed, { orderId, reason: performed.reason }),
    })
    const asking = specify(service({ name: 'inventory', reactions: { asked } }))
    asking
      .performs({ reason: 'said so' })
      .when(paid())
      .then(InventoryFailed({ orderId: 'o1', reason: 'said so' }))
    expect(() => asking.when(paid())).toThrow('.performs(result)')
  })

  it('expects a failure by code, by a part of the message, or by a pattern, and goes on from before it', () => {
    const empty = PaymentProcessed({ ...paid().data, items: [] })
    when(empty).thenThrows('an order without items')
    when(empty).thenThrows(/without items$/)
    given(stock('book'), { free: 1, held: 0 }).when(empty).thenThrows('items').when(paid()).then(reserved)
  })
})

describe('a story that does not hold', () => {
  it('shows what was emitted beside what was expected', () => {
    const message = messageOf(() =>
      given(stock('book'), { free: 1, held: 0 })
        .when(paid())
        .then(InventoryFailed({ orderId: 'o1', reason: 'out of stock: book' })),
    )
    expect(message).toContain(
      'StoryError: inventory, on PaymentProcessed, emitted other events than expected',
    )
    expect(message).toContain('InventoryReserved')
    expect(message.match(/out of stock: book/g)).toHaveLength(1)
  })

  it('points at the line of the test', () => {
    try {
      when(paid()).then()
    } catch (error) {
      expect((error as Error).stack?.split('\n').find((line) => line.includes(' at '))).toContain(
        'given.test.ts',
      )
    }
    expect.assertions(1)
  })

  it('fails on an event too many, one too few, another order, another field', () => {
    const stocked = given(stock('book'), { free: 1, held: 0 })
    expect(() => stocked.when(paid()).then()).toThrow('InventoryReserved')
    expect(() => when(shippingFailed).then(reserved)).toThrow(
      'on ShippingFailed (barred), emitted other events',
    )
    expect(() => stocked.when(paid()).then(reserved, reserved)).toThrow('emitted other events')
    expect(() => stocked.when(paid()).then(like(InventoryReserved, { orderId: 'o2' }))).toThrow("'o2'")
    expect(() => stocked.when(paid()).then(like(InventoryReserved, { items: [] }))).toThrow(
      'emitted other events',
    )
    expect(() => stocked.when(paid()).then(like(InventoryFailed, {}))).toThrow('emitted other events')
  })

  it('fails on another state, another outcome, another answer', () => {
    expect(() =>
      when(paid()).then(like(InventoryFailed, {})).thenDocument(stock('book'), { free: 1, held: 0 }),
    ).toThrow('left stock/book in another state than expected')
    expect(() => when(paid()).thenOutcome('duplicate')).toThrow('ended otherwise than expected')
    expect(() => whenAsked(restock, { sku: 'book', quantity: 1 }).thenAnswers({ free: 2 })).toThrow(
      'inventory, asked for restock, answered otherwise than expected',
    )
  })

  it('fails where a failure was expected and none came, or another one', () => {
    const stocked = given(stock('book'), { free: 1, held: 0 })
    expect(() => stocked.when(paid()).thenThrows('anything')).toThrow('should have thrown')
    const empty = PaymentProcessed({ ...paid().data, items: [] })
    expect(() => when(empty).thenThrows('TROUPE_EVENT_INVALID')).toThrow('threw something other than')
  })

  it('does not hide a failure that nobody expected', () => {
    const empty = PaymentProcessed({ ...paid().data, items: [] })
    const said = 'inventory, on PaymentProcessed, threw an order without items'
    expect(() => when(empty).then()).toThrow(said)
    expect(() => when(empty).when(paid())).toThrow(said)
    expect(() => when(empty).thenOutcome('applied')).toThrow(said)
    expect(() => when(empty).whenRedelivered()).toThrow(said)
    expect(() => given(empty)).toThrow(said)
  })

  it('names an event that the service does not hear, and a command that it does not have', () => {
    expect(() => when(InventoryFailed({ orderId: 'o1', reason: '' }))).toThrow(
      'inventory does not hear InventoryFailed. It hears: PaymentProcessed, ShippingFailed.',
    )
    const other = command({ emits: [], react: () => undefined })
    expect(() => whenAsked(other, {})).toThrow('inventory has no such command. It has: restock.')
  })

  it('finds a reaction that changes the event it hears', () => {
    const greedy = reaction({
      on: PaymentProcessed,
      emits: [],
      react: ({ data }) => {
        Object.assign(data.shipTo, { country: 'FR' })
      },
    })
    const event = paid()
    specify(service({ name: 'inventory', reactions: { greedy } }))
      .when(event)
      .thenThrows('read only')
    expect(event.data.shipTo.country).toBe('DE')
  })

  it('finds a reaction that changes a document it was handed', () => {
    const greedy = reaction({
      on: PaymentProcessed,
      emits: [],
      reads: () => [stock('book')],
      react: (_event, { get }) => {
        Object.assign(get(stock('book')), { free: 0 })
      },
    })
    specify(service({ name: 'inventory', reactions: { greedy } }))
      .given(stock('book'), { free: 1, held: 0 })
      .when(paid())
      .thenThrows('read only')
  })

  it('finds a reaction that reads the clock or draws a number, and says in which field', () => {
    const story = (reason: () => string, checksPurity = true) => {
      const guess = reaction({
        on: PaymentProcessed,
        emits: [InventoryFailed],
        react: ({ data: { orderId } }, { emit }) => emit(InventoryFailed, { orderId, reason: reason() }),
      })
      return specify(service({ name: 'inventory', reactions: { guess } }), { checksPurity }).when(paid())
    }
    for (const reason of [() => new Date().toISOString(), () => `${Date.now()}`, () => `${Math.random()}`]) {
      story(reason).thenThrows(/^inventory\.guess is not pure\..*emitted\[0\]\.InventoryFailed\.reason was/)
      story(reason, false).then(like(InventoryFailed, {}))
    }
    const told = () => new Date(Date.UTC(2026, 0, 1)).toISOString()
    story(told).then(like(InventoryFailed, { reason: '2026-01-01T00:00:00.000Z' }))
  })

  it('finds a command that answers differently the second time', () => {
    const now = command({ emits: [], react: () => ({ atMs: Date.now() }) })
    specify(service({ name: 'inventory', reactions: {}, commands: { now } }))
      .whenAsked(now, {})
      .thenThrows(/^inventory\.now is not pure\..*answer\.atMs was/)
  })

  it('says so when it is awaited, or returned unfinished', async () => {
    const story: unknown = given(stock('book'), { free: 1, held: 0 }).when(paid())
    await expect((async () => await story)()).rejects.toThrow('It is synchronous: drop the await')
  })

  it('says so when then gets an event type in place of an event', () => {
    expect(() => when(paid()).then(InventoryFailed as never)).toThrow('Call InventoryFailed({ ... })')
  })
})
