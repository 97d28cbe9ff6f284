import { describe, expect, it } from '@jest/globals'
import {
  InventoryFailed,
  InventoryReleased,
  InventoryReserved,
  OrderWithdrawn,
  PaymentProcessed,
  refusal,
  reserveStock,
  ShippingFailed,
} from '../fixtures.test.kit.ts'
import { reaction, undo } from './reaction.ts'
import { service } from './service.ts'

const react = () => {}

describe('a declared reaction', () => {
  it('is inert: what it hears, says and does, and nothing has run', () => {
    const made = reaction({ on: PaymentProcessed, emits: [InventoryFailed], react })
    expect(made).toEqual({
      form: 'reaction',
      on: [PaymentProcessed],
      emits: [InventoryFailed],
      reads: undefined,
      perform: undefined,
      react,
      isFinal: false,
      undoes: undefined,
    })
    expect(reaction({ on: PaymentProcessed, emits: [], final: true, react }).isFinal).toBe(true)
    expect(reaction({ on: [PaymentProcessed, ShippingFailed], emits: [], react }).on).toHaveLength(2)
  })

  it('is refused if it hears nothing', () => {
    expect(refusal(() => reaction({ on: [], emits: [], react }))).toMatchObject({
      code: 'TROUPE_DECLARATION_INVALID',
      message: 'A reaction hears no event. Name at least one in `on`.',
    })
  })

  it('is refused if it hears one event twice', () => {
    expect(
      refusal(() => reaction({ on: [PaymentProcessed, PaymentProcessed], emits: [], react })),
    ).toMatchObject({
      code: 'TROUPE_DECLARATION_INVALID',
      message: '`on` of the reaction to PaymentProcessed names PaymentProcessed twice. Name it once.',
    })
  })
})

describe('a reaction with tables of its own', () => {
  const transact = async () => {}

  it('has `transact` in place of `react`, and so has an undo', () => {
    const step = reaction({ on: PaymentProcessed, emits: [InventoryReserved], transact })
    expect(step).toMatchObject({ react: undefined, transact })
    expect(undo(step, { undoes: InventoryReserved, on: ShippingFailed, emits: [], transact })).toMatchObject({
      react: undefined,
      transact,
    })
  })

  it.each([
    ['both', { react, transact }, 'both `react` and `transact`'],
    ['neither', {}, 'neither `react` nor `transact`'],
    ['documents besides', { transact, reads: () => [] }, 'gets no documents'],
  ])('is refused if it has %s', (_what, form, why) => {
    const declared = { on: PaymentProcessed, emits: [], ...form } as never
    expect(refusal(() => reaction(declared))).toMatchObject({
      code: 'TROUPE_DECLARATION_INVALID',
      message: expect.stringContaining(why) as unknown,
    })
  })

  it('makes its service one with tables, whoever makes those', () => {
    const step = reaction({ on: PaymentProcessed, emits: [InventoryReserved], transact })
    const stock = { name: 'stock', sql: 'CREATE TABLE stock ()' }
    const tablesOf = (declared: object) =>
      service({ name: 'inventory', reactions: { step }, ...declared }).tables
    expect([tablesOf({}), tablesOf({ tables: [stock] })]).toEqual([[], [stock]])
    expect(service({ name: 'inventory', reactions: { reserveStock } }).tables).toBeUndefined()
  })
})

describe('a declared undo', () => {
  it('knows its step and the event that says that the step was done', () => {
    const made = undo(reserveStock, {
      undoes: InventoryReserved,
      on: [ShippingFailed, OrderWithdrawn],
      emits: [InventoryReleased],
      react,
    })
    expect(made).toMatchObject({ form: 'undo', on: [ShippingFailed, OrderWithdrawn] })
    expect(made.undoes).toEqual({ step: reserveStock, done: InventoryReserved })
  })

  // What the types refuse as well, as whoever writes JavaScript meets it.
  const untyped = undo as (step: unknown, declaration: unknown) => unknown

  it.each([
    [
      'undoes an undo',
      () =>
        untyped(
          undo(reserveStock, {
            undoes: InventoryReserved,
            on: ShippingFailed,
            emits: [InventoryReleased],
            react,
          }),
          { undoes: InventoryReleased, on: OrderWithdrawn, emits: [], react },
        ),
      /names another undo as its step/,
    ],
    [
      'undoes what its step never says',
      () => untyped(reserveStock, { undoes: InventoryReleased, on: ShippingFailed, emits: [], react }),
      /undoes InventoryReleased, which its step never emits. Name one of: InventoryReserved, InventoryFailed/,
    ],
    [
      'hears what its step hears',
      () => untyped(reserveStock, { undoes: InventoryReserved, on: PaymentProcessed, emits: [], react }),
      /PaymentProcessed would undo its step by an event that the step itself/,
    ],
    [
      'hears what its step says',
      () =>
        untyped(reserveStock, {
          undoes: InventoryReserved,
          on: [ShippingFailed, InventoryFailed],
          emits: [],
          react,
        }),
      /InventoryFailed would undo its step/,
    ],
    [
      'names a step that is declared to stand',
      () => {
        const step = reaction({ on: PaymentProcessed, emits: [InventoryReserved], final: true, react })
        return untyped(step, { undoes: InventoryReserved, on: ShippingFailed, emits: [], react })
      },
      /a reaction that is declared `final`: what it does stands/,
    ],
    [
      'hears nothing',
      () => untyped(reserveStock, { undoes: InventoryReserved, on: [], emits: [], react }),
      /hears no event/,
    ],
    [
      'hears one event twice',
      () =>
        untyped(reserveStock, {
          undoes: InventoryReserved,
          on: [ShippingFailed, ShippingFailed],
          emits: [],
          react,
        }),
      /`on` of the undo on ShippingFailed names ShippingFailed twice/,
    ],
  ])('is refused if it %s', (_what, declare, message) => {
    const error = refusal(declare)
    expect(error.code).toBe('TROUPE_DECLARATION_INVALID')
    expect(error.message).toMatch(message)
  })
})
