// What whoever writes plain JavaScript, or `as any`, meets: the types refuse all of this.
import { describe, expect, it } from '@jest/globals'
import { isTroupeError } from '@troupe/core'
import fc from 'fast-check'
import { avroEvent } from './avro-event.ts'

const right = {
  owner: 'order',
  schema: {
    type: 'record',
    name: 'OrderReceived',
    key: 'orderId',
    fields: [
      { name: 'orderId', type: 'string' },
      { name: 'note', type: ['null', { type: 'enum', name: 'Note', symbols: ['a'] }], default: null },
    ],
  },
}

const declare = avroEvent as unknown as (declared: unknown) => { readonly type: string }

function refusalOf(declared: unknown): { readonly code: string; readonly message: string } | undefined {
  try {
    declare(declared)
    return undefined
  } catch (error) {
    if (isTroupeError(error)) return error
    throw error
  }
}

const circle: { items?: unknown; type: string } = { type: 'array' }
circle.items = circle

describe('an event type that is declared wrong', () => {
  it.each<[string, unknown, string]>([
    [
      'TROUPE_DECLARATION_INVALID',
      null,
      'The declaration of an event type is null. Give `avroEvent` an object',
    ],
    [
      'TROUPE_DECLARATION_INVALID',
      { ...right, owner: undefined },
      '`owner` of the event type OrderReceived is undefined.',
    ],
    [
      'TROUPE_DECLARATION_INVALID',
      { ...right, owner: Symbol('o') },
      'is Symbol(o), a symbol. Name the service',
    ],
    ['TROUPE_DECLARATION_INVALID', { ...right, ower: 'x' }, 'has no "ower". `owner` is meant'],
    ['TROUPE_SCHEMA_INVALID', { ...right, schema: undefined }, 'is no JSON: it is undefined'],
    ['TROUPE_SCHEMA_INVALID', { ...right, schema: null }, 'is not an Avro record'],
    [
      'TROUPE_SCHEMA_INVALID',
      { ...right, schema: { ...right.schema, doc: 1n } },
      'The schema of OrderReceived is refused: it is no JSON: doc is a bigint.',
    ],
    [
      'TROUPE_SCHEMA_INVALID',
      { ...right, schema: { ...right.schema, fields: [{ name: 'a', type: circle }] } },
      'within itself',
    ],
  ])('is refused with %s: %j', (code, declared, message) => {
    const error = refusalOf(declared)
    expect(error?.code).toBe(code)
    expect(error?.message).toContain(message)
  })

  it('has no other fate, whatever it is and wherever it is wrong', () => {
    expect(declare(right).type).toBe('OrderReceived')
    const value = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true })
    const places: readonly ((one: unknown) => unknown)[] = [
      (one) => one,
      (owner) => ({ ...right, owner }),
      (schema) => ({ ...right, schema }),
      ...['type', 'name', 'namespace', 'key', 'topic', 'doc', 'fields'].map((field) => (one: unknown) => ({
        ...right,
        schema: { ...right.schema, [field]: one },
      })),
      ...['name', 'type', 'default', 'doc'].map((field) => (one: unknown) => ({
        ...right,
        schema: {
          ...right.schema,
          fields: [right.schema.fields[0], { ...right.schema.fields[1], [field]: one }],
        },
      })),
      ...['type', 'name', 'symbols', 'logicalType', 'size', 'items'].map((field) => (one: unknown) => ({
        ...right,
        schema: {
          ...right.schema,
          fields: [
            right.schema.fields[0],
            { name: 'note', type: { type: 'enum', name: 'Note', symbols: ['a'], [field]: one } },
          ],
        },
      })),
    ]
    fc.assert(
      fc.property(fc.constantFrom(...places.keys()), value, (place, one) => {
        const error = refusalOf(places[place]?.(one))
        if (error) expect(error.code).toMatch(/^TROUPE_(SCHEMA|DECLARATION)_INVALID$/)
      }),
      { numRuns: 2_000 },
    )
  })
})
