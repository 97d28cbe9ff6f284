import { describe, expect, it } from '@jest/globals'
import { type Changes, workingSet } from './working-set.ts'
import { document, type DocumentRef } from '../declare/document.ts'
import type { Event } from '../declare/event-type.ts'
import {
  deciding,
  deliver,
  deriveId,
  InventoryFailed,
  InventoryReleased,
  InventoryReserved,
  nothingStored,
  OrderWithdrawn,
  PaymentProcessed,
  refusal,
  releaseStock,
  reserveStock,
  ShippingFailed,
  stock,
} from '../fixtures.test.kit.ts'
import type { Deciding, Emitted, TraceEmitted } from './saying.ts'
import { reactTo, withoutRunning } from './react.ts'
import { type ReactContext, reaction, undo } from '../declare/reaction.ts'
import { service } from '../declare/service.ts'

type Anything = ReactContext & { readonly done?: unknown }

/** Runs a body as the reaction of an inventory that may emit everything and reads `reads`. */
function run(
  body: (context: Anything, event: Event) => unknown,
  {
    reads = [],
    envelope = {},
    using = deciding,
    performed,
    traceEmitted,
  }: {
    reads?: readonly DocumentRef[]
    envelope?: Partial<Event>
    using?: Deciding
    performed?: unknown
    traceEmitted?: TraceEmitted
  } = {},
): Changes {
  const declared = reaction({
    on: PaymentProcessed,
    emits: [InventoryReserved, InventoryFailed],
    react: (event, context) => body(context as unknown as Anything, event) as undefined,
  })
  const inventory = service({ name: 'inventory', reactions: { act: declared } })
  const delivery = deliver(
    PaymentProcessed,
    { orderId: 'o1', items: [] },
    { id: 'e1', ...envelope },
    inventory,
  )
  const set = workingSet(nothingStored)
  return reactTo(delivery, reads, { performed, done: undefined }, set, {
    deciding: using,
    lane: 'payment.events/0',
    traceEmitted,
  })
}

const failed = { orderId: 'o1', reason: 'none' }

describe('what a reaction emits', () => {
  it('becomes a record of its own topic, in the saga and the trace of its cause', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const envelope = { correlationId: 's1', traceparent, tracestate: 'a=1' }
    const { outbox, inbox } = run(({ emit }) => emit(InventoryFailed, failed), { envelope })
    const id = deriveId('inventory', 'event:7:paymente1', 'event', '0')
    expect(outbox).toEqual([
      {
        id,
        lane: 'payment.events/0',
        topic: 'inventory.events',
        key: 'o1',
        headers: {
          ce_specversion: '1.0',
          ce_id: id,
          ce_type: 'InventoryFailed',
          ce_source: 'inventory',
          ce_time: '2026-01-02T00:00:00.000Z',
          ce_correlationid: 's1',
          ce_dataschema: 'json:InventoryFailed',
          ce_causationid: 'e1',
          'content-type': 'application/avro',
          traceparent,
          tracestate: 'a=1',
        },
        value: deciding.encode(InventoryFailed, failed),
      },
    ])
    expect(inbox).toEqual({
      source: 'payment',
      id: 'e1',
      type: 'PaymentProcessed',
      saga: 's1',
      outcome: 'applied',
    })
  })

  it('carries a trace context of its own, where somebody gives it one', () => {
    const told: Emitted[] = []
    const traceEmitted = (emitted: Emitted) => {
      told.push(emitted)
      return { traceparent: `mine ${told.length}`, tracestate: undefined }
    }
    const envelope = { correlationId: 's1', traceparent: 'the cause’s', tracestate: 'a=1' }
    const { outbox } = run(
      ({ emit }) => {
        emit(InventoryFailed, failed)
        emit(InventoryFailed, failed)
      },
      { envelope, traceEmitted },
    )
    expect(outbox.map(({ headers }) => headers['traceparent'])).toEqual(['mine 1', 'mine 2'])
    expect(outbox.map(({ headers }) => headers['tracestate'])).toEqual([undefined, undefined])
    const [first] = outbox
    expect(told).toHaveLength(2)
    expect(told[0]).toEqual({
      id: first?.id,
      type: 'InventoryFailed',
      topic: 'inventory.events',
      key: 'o1',
      correlationId: 's1',
    })
  })

  it('has ids that tell events apart, and causes, and sources, and are the same when done again', () => {
    const twice = (envelope: Partial<Event>) =>
      run(({ emit }) => [emit(InventoryFailed, failed), emit(InventoryFailed, failed)], {
        envelope,
      }).outbox.map(({ id }) => id)
    const all = [twice({}), twice({ id: 'e2' }), twice({ source: 'till' })].flat()
    expect(new Set(all).size).toBe(6)
    expect(twice({})).toEqual(twice({}))
  })

  it.each<[string, object, object, string, RegExp]>([
    [
      'not declared',
      InventoryReleased,
      failed,
      'TROUPE_EVENT_NOT_DECLARED',
      /inventory\.act emitted InventoryReleased, which is not in its `emits`/,
    ],
    [
      'without a key',
      InventoryFailed,
      { ...failed, orderId: '' },
      'TROUPE_EVENT_INVALID',
      /InventoryFailed with a key that is empty/,
    ],
    [
      'with a key that no ledger takes',
      InventoryFailed,
      { ...failed, orderId: 'a\0' },
      'TROUPE_EVENT_INVALID',
      /key that holds a NUL/,
    ],
    [
      'with an endless key',
      InventoryFailed,
      { ...failed, orderId: 'o'.repeat(600) },
      'TROUPE_EVENT_INVALID',
      /key that has 600 characters/,
    ],
  ])('is refused if it is %s', (_what, type, data, code, message) => {
    const error = refusal(() => run(({ emit }) => emit(type as never, data as never)))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
  })

  it('is refused if the broker would refuse it, counting bytes, headers and what a record costs', () => {
    const sized =
      (bytes: number, eventBytesMax: number, correlationId = 's') =>
      () =>
        run(({ emit }) => emit(InventoryFailed, failed), {
          envelope: { correlationId },
          using: { ...deciding, eventBytesMax, encode: () => new Uint8Array(bytes) },
        })
    expect(refusal(sized(10_000, 10_000))).toMatchObject({
      code: 'TROUPE_EVENT_TOO_LARGE',
      details: { type: 'InventoryFailed', bytesMax: 10_000 },
    })
    const { bytes } = refusal(sized(10_000, 10_000)).details as { bytes: number }
    expect(bytes).toBeGreaterThan(10_200)
    expect(bytes).toBeLessThan(10_900)
    expect(sized(10_000, bytes)().outbox).toHaveLength(1)
    expect(refusal(sized(10_000, bytes - 1)).details).toMatchObject({ bytes })
    // Three bytes of UTF-8 each, two more than one.
    expect(refusal(sized(10_000, bytes, '漢')).details).toMatchObject({ bytes: bytes + 2 })
  })
})

describe('what a reaction gets', () => {
  it('is time, ids, what was performed, and its own puts', () => {
    const seen: unknown[] = []
    run(
      ({ timeMs, id, performed, get, put }) => {
        put(stock('book'), { free: 1, held: 0, history: [] })
        seen.push(timeMs, id() === id('id'), id('a') === id('b'), performed, get(stock('book')))
      },
      { reads: [stock('book')], performed: { receipt: 'r1' } },
    )
    expect(seen).toEqual([deciding.timeMs, true, false, { receipt: 'r1' }, { free: 1, held: 0, history: [] }])
  })

  it.each([
    ['get', ({ get }: Anything) => void get(stock('pen'))],
    ['put', ({ put }: Anything) => put(stock('pen'), { free: 1, held: 0, history: [] })],
  ])('is no document that it did not name: %s', (_what, body) => {
    const error = refusal(() => run(body, { reads: [stock('book')] }))
    expect(error).toMatchObject({
      code: 'TROUPE_DOCUMENT_NOT_READ',
      details: { key: 'pen', reader: 'inventory.act' },
    })
  })

  it('freezes what it puts, so that it cannot take it back', () => {
    const body = ({ put }: Anything) => {
      const state = { free: 1, held: 0, history: ['a'] }
      put(stock('book'), state)
      state.history.push('b')
    }
    expect(() => run(body, { reads: [stock('book')] })).toThrow(TypeError)
  })

  it('takes no document that would come back as something else', () => {
    const body = ({ put }: Anything) => put(stock('book'), { free: Number.NaN, held: 0, history: [] })
    const error = refusal(() => run(body, { reads: [stock('book')] }))
    expect(error).toMatchObject({ code: 'TROUPE_DOCUMENT_INVALID', details: { kind: 'stock', key: 'book' } })
    expect(error.message).toContain(
      'inventory.act put a document stock/book that cannot be kept as JSON: free is NaN.',
    )
  })
})

describe('a reaction that is not synchronous', () => {
  it('is refused if it returns a promise, whose rejection troubles nobody', async () => {
    const error = refusal(() => run(() => Promise.reject(new Error('later'))))
    expect(error.code).toBe('TROUPE_REACTION_ASYNC')
    expect(error.message).toContain('inventory.act returned a promise')
    await new Promise((resolve) => setImmediate(resolve))
  })

  it.each([
    ['emit', ({ emit }: Anything) => emit(InventoryFailed, failed)],
    ['put', ({ put }: Anything) => put(stock('book'), { free: 1, held: 0, history: [] })],
  ])('is refused what it says after it returned: %s', (_what, say) => {
    let leaked: Anything | undefined
    const changes = run(
      (context) => {
        leaked = context
      },
      { reads: [stock('book')] },
    )
    expect(refusal(() => say(leaked as Anything)).code).toBe('TROUPE_REACTION_ASYNC')
    expect([changes.outbox, [...changes.documents]]).toEqual([[], []])
  })

  it('may return anything else', () => {
    expect(run(() => JSON.parse('{"then": "no function"}') as object).outbox).toEqual([])
  })
})

describe('a step', () => {
  const inventory = service({ name: 'inventory', reactions: { reserveStock, releaseStock } })
  const payment = deliver(
    PaymentProcessed,
    { orderId: 'o1', items: [{ sku: 'book', quantity: 1 }] },
    {},
    inventory,
  )
  const react = (quantity: number) => {
    const items = [{ sku: 'book', quantity }]
    const delivery = deliver(PaymentProcessed, { orderId: 'o1', items }, {}, inventory)
    const performed = { performed: undefined, done: undefined }
    return reactTo(delivery, [stock('book')], performed, workingSet(nothingStored), { deciding, lane: 'l' })
  }

  it('is done when it says so, and remembers what it said and touched', () => {
    const { step, outbox } = react(1)
    expect(step).toEqual({
      saga: 'o1',
      step: 'InventoryReserved',
      state: 'done',
      done: outbox[0]?.value,
      touched: [{ kind: 'stock', key: 'book' }],
    })
  })

  it('stays open when it says something else', () => {
    const { step, outbox } = react(5_000)
    expect(step).toBeUndefined()
    expect(outbox.map(({ headers }) => headers['ce_type'])).toEqual(['InventoryFailed'])
  })

  it('is refused if it says twice that it is done: its undo would get the first only', () => {
    const hasty = reaction({
      on: PaymentProcessed,
      emits: [InventoryReserved],
      react({ data }, { emit }) {
        for (const item of data.items) emit(InventoryReserved, { orderId: data.orderId, items: [item] })
      },
    })
    const back = undo(hasty, { undoes: InventoryReserved, on: ShippingFailed, emits: [], react() {} })
    const shop = service({ name: 'inventory', reactions: { hasty, back } })
    const reactTwice = (to: typeof shop) => () => {
      const items = [1, 2].map((quantity) => ({ sku: 'book', quantity }))
      const delivery = deliver(PaymentProcessed, { orderId: 'o1', items }, {}, to)
      return reactTo(delivery, [], { performed: undefined, done: undefined }, workingSet(nothingStored), {
        deciding,
        lane: 'l',
      })
    }
    const error = refusal(reactTwice(shop))
    expect(error).toMatchObject({
      code: 'TROUPE_STEP_DONE_TWICE',
      details: { saga: 'o1', type: 'InventoryReserved' },
    })
    // Who is never undone may say it as often as it likes.
    expect(reactTwice(service({ name: 'inventory', reactions: { hasty } }))().outbox).toHaveLength(2)
  })

  it('is undone by its undo, which gets what it said and the documents it touched', () => {
    const done = new TextEncoder().encode('the bytes')
    const touched = [{ kind: 'stock', key: 'book' }]
    const steps = [{ saga: 'o1', step: 'InventoryReserved', state: 'done' as const, done, touched }]
    const documents = [{ kind: 'stock', key: 'book', version: 4, state: { free: 1, held: 2, history: [] } }]
    const changes = reactTo(
      deliver(ShippingFailed, { orderId: 'o1' }, {}, inventory),
      [],
      { performed: undefined, done: { orderId: 'o1', items: [{ sku: 'book', quantity: 2 }] } },
      workingSet({ ...nothingStored, steps, documents }),
      { deciding, lane: 'l' },
    )
    expect(changes.step).toEqual({ ...steps[0], state: 'undone' })
    expect([...changes.documents.values()].map(({ state }) => state)).toEqual([
      { free: 3, held: 0, history: ['ShippingFailed of o1'] },
    ])
    expect(changes.outbox.map(({ headers }) => headers['ce_type'])).toEqual(['InventoryReleased'])
  })

  it('may have an undo with documents of its own beside', () => {
    const log = document({ name: 'log', initial: () => ({ entries: 0 }) })
    const back = undo(reserveStock, {
      undoes: InventoryReserved,
      on: OrderWithdrawn,
      emits: [],
      reads: ({ data }) => [log(data.orderId)],
      react({ data }, { get, put, done }) {
        put(log(data.orderId), { entries: get(log(data.orderId)).entries + done.items.length })
        put(stock('book'), get(stock('book')))
      },
    })
    const shop = service({ name: 'inventory', reactions: { reserveStock, back } })
    const touched = [{ kind: 'stock', key: 'book' }]
    const steps = [
      { saga: 'o1', step: 'InventoryReserved', state: 'done' as const, done: new Uint8Array(1), touched },
    ]
    const { documents } = reactTo(
      deliver(OrderWithdrawn, { orderId: 'o1' }, {}, shop),
      [log('o1')],
      { performed: undefined, done: { orderId: 'o1', items: [{ sku: 'book', quantity: 2 }] } },
      workingSet({ ...nothingStored, steps }),
      { deciding, lane: 'l' },
    )
    expect([...documents.keys()]).toEqual(['log/o1', 'stock/book'])
  })

  it('leaves on record why it did not run; only the bar changes anything, and a duplicate nothing at all', () => {
    expect(withoutRunning(payment, 'duplicate')).toBeUndefined()
    for (const verdict of ['step-repeated', 'step-barred', 'undo-repeated', 'barred'] as const) {
      expect(withoutRunning(payment, verdict)).toMatchObject({
        inbox: { source: 'payment', id: 'PaymentProcessed of o1', saga: 'o1', outcome: verdict },
        outbox: [],
        documents: new Map(),
      })
    }
    expect(withoutRunning(payment, 'step-barred')?.step).toBeUndefined()
    expect(withoutRunning(deliver(ShippingFailed, { orderId: 'o1' }, {}, inventory), 'barred')?.step).toEqual(
      {
        saga: 'o1',
        step: 'InventoryReserved',
        state: 'barred',
        done: null,
        touched: [],
      },
    )
  })
})
