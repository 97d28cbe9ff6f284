// What a handler may say, to whoever says it in plain JavaScript, or `as any`: the types refuse all of this.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { recallFor } from './delivery.ts'
import { document, type DocumentType } from '../declare/document.ts'
import { isTroupeError } from '../errors.ts'
import {
  deliver,
  eventType,
  handle,
  ids,
  InventoryFailed,
  nothingStored,
  refusal,
  reserveStock,
  stock,
  StockCounted,
} from '../fixtures.test.kit.ts'
import { reaction, type ReactContext } from '../declare/reaction.ts'
import { service } from '../declare/service.ts'
import { workingSet } from './working-set.ts'

type Untyped = { readonly [Verb in keyof ReactContext]: (...given: readonly unknown[]) => unknown }

const told = { orderId: 'o1', sku: 'book', free: 1 }
const failed = { orderId: 'o1', reason: 'none left' }

/** An event on its way to a reaction that reads this and does that. */
function counted(reads: unknown, react: (context: Untyped) => unknown = () => {}) {
  const counting = reaction({
    on: StockCounted,
    emits: [InventoryFailed],
    reads: () => reads as never,
    react: (_event, context) => void react(context as unknown as Untyped),
  })
  return deliver(StockCounted, told, {}, service({ name: 'inventory', reactions: { counting } }))
}

function run(react: (context: Untyped) => unknown): void {
  handle(counted([stock('book')], react), workingSet(nothingStored))
}

const namesake = eventType<'InventoryFailed', { orderId: string }>('InventoryFailed', 'inventory')

describe('a handler that says what cannot be', () => {
  it.each<[string, string, (context: Untyped) => unknown]>([
    ['TROUPE_EVENT_NOT_DECLARED', 'emitted undefined, which is no event type', ({ emit }) => emit()],
    ['TROUPE_EVENT_NOT_DECLARED', 'emitted null, which is no event type', ({ emit }) => emit(null, failed)],
    [
      'TROUPE_EVENT_NOT_DECLARED',
      'emitted an event of the type InventoryFailed, which is no event type. Give `emit` the event type, not called',
      ({ emit }) => emit(InventoryFailed(failed)),
    ],
    [
      'TROUPE_EVENT_NOT_DECLARED',
      'another event type than the one of that name in its `emits`. Import both from one place.',
      ({ emit }) => emit(namesake, failed),
    ],
    [
      'TROUPE_EVENT_NOT_DECLARED',
      'emitted "InventoryFailed", which',
      ({ schedule }) => schedule('InventoryFailed', failed, { afterMs: 1 }),
    ],
    ['TROUPE_EVENT_INVALID', 'with a key that is undefined, not text', ({ emit }) => emit(InventoryFailed)],
    ['TROUPE_DOCUMENT_INVALID', 'names null as a document', ({ get }) => get(null)],
    ['TROUPE_DOCUMENT_INVALID', 'names the kind of document stock as a document', ({ get }) => get(stock)],
    [
      'TROUPE_DOCUMENT_INVALID',
      'names an object as a document. Name one by its kind and its key',
      ({ get }) => get({ kind: 'stock', key: 'book' }),
    ],
    ['TROUPE_DOCUMENT_INVALID', 'names "stock/book" as a document', ({ put }) => put('stock/book', {})],
    [
      'TROUPE_DOCUMENT_INVALID',
      'put a document stock/book that is undefined. Put an object.',
      ({ put }) => put(stock('book')),
    ],
    ['TROUPE_DOCUMENT_INVALID', 'stock/book that is null.', ({ put }) => put(stock('book'), null)],
    ['TROUPE_DOCUMENT_INVALID', 'stock/book that is "full".', ({ put }) => put(stock('book'), 'full')],
    [
      'TROUPE_SCHEDULE_INVALID',
      'scheduled InventoryFailed for undefined. Use whole milliseconds',
      ({ schedule }) => schedule(InventoryFailed, failed),
    ],
    [
      'TROUPE_SCHEDULE_INVALID',
      'for afterMs 5n, a bigint.',
      ({ schedule }) => schedule(InventoryFailed, failed, { afterMs: 5n }),
    ],
    [
      'TROUPE_SCHEDULE_INVALID',
      'for afterMs 5 and atMs 5.',
      ({ schedule }) => schedule(InventoryFailed, failed, { afterMs: 5, atMs: 5 }),
    ],
    [
      'TROUPE_SCHEDULE_INVALID',
      'that is null, not text',
      ({ schedule }) => schedule(InventoryFailed, failed, { afterMs: 5, name: null }),
    ],
    [
      'TROUPE_SCHEDULE_INVALID',
      'with "nam", which `schedule` does not know. `name` is meant',
      ({ schedule }) => schedule(InventoryFailed, failed, { afterMs: 5, nam: 'x' }),
    ],
    ['TROUPE_SCHEDULE_INVALID', 'that is undefined, not text', ({ lift }) => lift(null)],
    ['TROUPE_SCHEDULE_INVALID', 'that is 7, not text', ({ lift }) => lift('name', 7)],
    ['TROUPE_REACTION_FAILED', '`id` was asked for an id named null', ({ id }) => id(null)],
  ])('is refused with %s, and told: %s', (code, message, react) => {
    const error = refusal(() => run(react))
    expect(error.code).toBe(code)
    expect(error.message).toContain(message)
  })

  it.each<[unknown, string]>([
    [undefined, '`reads` of counting returned undefined. Return a list of documents, at once.'],
    [stock('book'), '`reads` of counting returned a document of the kind stock.'],
    [[stock], 'counting names the kind of document stock as a document.'],
    [[null], 'counting names null as a document.'],
  ])('is refused what it reads', (reads, message) => {
    const { failed } = recallFor([counted(reads)], ids)
    const error = failed.get(0)
    expect(isTroupeError(error, 'TROUPE_DOCUMENT_INVALID')).toBe(true)
    expect(String(error)).toContain(message)
  })

  it('is refused a promise of what it reads, whose rejection troubles nobody', async () => {
    const { failed } = recallFor([counted(Promise.reject(new Error('nobody’s')))], ids)
    expect(String(failed.get(0))).toContain('`reads` of counting returned a promise.')
    await new Promise((resolve) => setImmediate(resolve))
  })

  it('is refused, whatever it gives, with an error of Troupe’s', () => {
    const given = fc.oneof(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
      fc.constantFrom<unknown>(Symbol('s'), () => {}, stock, stock('book'), reserveStock, InventoryFailed),
    )
    const sayings: Readonly<Record<string, (context: Untyped, one: unknown) => unknown>> = {
      get: ({ get }, one) => get(one),
      putRef: ({ put }, one) => put(one, {}),
      putState: ({ put }, one) => put(stock('book'), one),
      emit: ({ emit }, one) => emit(one, failed),
      scheduleWhen: ({ schedule }, one) => schedule(InventoryFailed, failed, one),
      scheduleAfter: ({ schedule }, one) => schedule(InventoryFailed, failed, { afterMs: one }),
      scheduleAt: ({ schedule }, one) => schedule(InventoryFailed, failed, { atMs: one }),
      scheduleName: ({ schedule }, one) => schedule(InventoryFailed, failed, { afterMs: 1, name: one }),
      lift: ({ lift }, one) => lift(one),
      liftSaga: ({ lift }, one) => lift('name', one),
      id: ({ id }, one) => id(one),
    }
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(sayings)), given, (saying, one) => {
        try {
          run((context) => sayings[saying]?.(context, one))
        } catch (error) {
          if (!isTroupeError(error)) throw error
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('a document that begins as, or is read as, no object', () => {
  const untyped = document as unknown as (declared: unknown) => DocumentType

  it.each([
    ['initial', untyped({ name: 'odd', initial: () => undefined })],
    ['initial', untyped({ name: 'odd', initial: () => Promise.reject(new Error('nobody’s')) })],
    ['parse', untyped({ name: 'odd', initial: () => ({}), parse: () => 'text' })],
    ['parse', untyped({ name: 'odd', initial: () => ({}), parse: async () => ({}) })],
  ])('is refused by the name of its `%s`', (field, kind) => {
    const error = refusal(() => (field === 'initial' ? kind.initial('a') : kind.parse({}, 'a')))
    expect(error.code).toBe('TROUPE_DOCUMENT_INVALID')
    expect(error.message).toMatch(
      new RegExp(`^\`${field}\` of document odd returned .* for odd/a\\. Return an object`),
    )
  })
})
