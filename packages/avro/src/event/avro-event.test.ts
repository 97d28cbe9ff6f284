import { describe, expect, it } from '@jest/globals'
import { type AvroRecordSchema, isTroupeError, type TroupeErrorCode } from '@troupe/core'
import { avroEvent } from './avro-event.ts'

const item = {
  type: 'record',
  name: 'Item',
  fields: [
    { name: 'sku', type: 'string' },
    { name: 'quantity', type: 'int', default: 1 },
  ],
}

const OrderReceived = avroEvent({
  owner: 'order',
  schema: schemaOf([{ name: 'items', type: { type: 'array', items: item } }]),
})

describe('an event type out of a schema', () => {
  it('knows its name, owner, topic, schema and key', () => {
    expect(OrderReceived.type).toBe('OrderReceived')
    expect(OrderReceived.owner).toBe('order')
    expect(OrderReceived.topic).toBe('order.events')
    expect(OrderReceived.schema.name).toBe('OrderReceived')
    expect(OrderReceived.keyOf({ orderId: 'o1' })).toBe('o1')
  })

  it('makes a draft when it is called', () => {
    const draft = OrderReceived({ orderId: 'o1', items: [] })
    expect(draft.eventType).toBe(OrderReceived)
    expect(draft.type).toBe('OrderReceived')
    expect(draft.data).toStrictEqual({ orderId: 'o1', items: [] })
  })

  it('fills in defaults, however deep', () => {
    expect(
      OrderReceived.complete({ orderId: 'o1', items: [{ sku: 'a' }, { sku: 'b', quantity: 2 }] }),
    ).toStrictEqual({
      orderId: 'o1',
      items: [
        { sku: 'a', quantity: 1 },
        { sku: 'b', quantity: 2 },
      ],
    })
  })

  it('makes every default anew, so that nobody shares it', () => {
    const type = eventWith({ name: 'tags', type: { type: 'array', items: 'string' }, default: ['a'] })
    const first = type.complete({ orderId: 'o1' }) as { tags: string[] }
    first.tags.push('b')
    expect(type.complete({ orderId: 'o1' })).toStrictEqual({ orderId: 'o1', tags: ['a'] })
  })

  it('takes undefined for left out, in fields it knows and does not', () => {
    const data = OrderReceived.complete({
      orderId: 'o1',
      items: [{ sku: 'a', quantity: undefined }],
      more: undefined,
    })
    expect(data).toStrictEqual({ orderId: 'o1', items: [{ sku: 'a', quantity: 1 }] })
  })

  it('copies bytes, so that whoever gave them may go on using them', () => {
    const type = eventWith({ name: 'value', type: 'bytes' })
    const given = Uint8Array.of(1, 2)
    const data = type.complete({ orderId: 'o1', value: given }) as { value: Uint8Array }
    given[0] = 9
    expect([...data.value]).toEqual([1, 2])
  })
})

describe('a value that the schema refuses', () => {
  it('is named with its event and its path', () => {
    expect(refusal(() => OrderReceived({ orderId: 'o1', items: [{ sku: 'a', quantity: 'two' }] }))).toMatch(
      /^OrderReceived is refused by its schema: items\.0\.quantity must be an int, not "two"\. /,
    )
  })

  it('is named with all others that are wrong', () => {
    const text = refusal(() => OrderReceived({ items: [{ sku: 1 }], typo: 'x' }))
    expect(text).toContain(
      'orderId is missing; items.0.sku must be a string, not 1; typo is not a field of order.OrderReceived (orderId, items)',
    )
  })

  it('is counted when there are too many to show', () => {
    const items = Array.from({ length: 9 }, () => ({ sku: 1 }))
    expect(refusal(() => OrderReceived({ orderId: 'o1', items }))).toContain('; and 4 more')
  })

  it('is quoted only in part', () => {
    const text = refusal(() => OrderReceived({ orderId: 'o1', items: 'x'.repeat(1000) }))
    expect(text.length).toBeLessThan(200)
  })

  it.each([null, undefined, 'text', 7, []])('may be the whole of it: %p', (input) => {
    expect(refusal(() => OrderReceived(input as unknown as object))).toContain('the data must be an object')
  })

  it('may hold itself without end', () => {
    const type = eventWith({ name: 'child', type: ['null', 'OrderReceived'], default: null })
    const input: { orderId: string; child?: unknown } = { orderId: 'o1' }
    input.child = input
    expect(refusal(() => type(input))).toContain('nested too deeply')
  })

  it.each([
    ['', 'is empty'],
    ['a\0b', 'holds a NUL character'],
    ['x'.repeat(513), 'has 513 characters, more than 512'],
  ])('may be the key: %j', (orderId, problem) => {
    expect(refusal(() => OrderReceived({ orderId, items: [] }))).toContain(`its key orderId ${problem}`)
  })
})

const uuid = '0190163d-8694-739b-aea5-966c26f8ad91'

describe('values', () => {
  it.each([
    ['boolean', 'boolean', true],
    ['string', 'string', 'grün 🌱'],
    ['int', 'int', -2147483648],
    ['long', 'long', Number.MAX_SAFE_INTEGER - 1],
    ['the least long', 'long', -(2 ** 52)],
    ['double', 'double', 0.1],
    ['timestamp-millis', { type: 'long', logicalType: 'timestamp-millis' }, Date.UTC(2026, 1, 3)],
    ['date', { type: 'int', logicalType: 'date' }, 20_000],
    ['uuid', { type: 'string', logicalType: 'uuid' }, uuid],
    ['enum', { type: 'enum', name: 'State', symbols: ['OPEN', 'DONE'] }, 'DONE'],
    ['array', { type: 'array', items: 'int' }, [1, 2]],
    ['map', { type: 'map', values: 'int' }, { a: 1 }],
    ['null in a union', ['null', 'int'], null],
    ['the other in a union', ['int', 'null'], 5],
  ])('of %s are taken as they are', (_, type, value) => {
    expect(eventWith({ name: 'value', type }).complete({ orderId: 'o1', value })).toStrictEqual({
      orderId: 'o1',
      value,
    })
  })

  it('of float are rounded to what a float holds, so that everybody reads the same', () => {
    expect(eventWith({ name: 'value', type: 'float' }).complete({ orderId: 'o1', value: 0.1 })).toEqual({
      orderId: 'o1',
      value: Math.fround(0.1),
    })
  })

  it.each([
    ['boolean', 'boolean', 1, 'true or false, not 1'],
    ['string', 'string', 1, 'a string, not 1'],
    ['text that is not well-formed', 'string', '\ud800', 'well-formed text'],
    ['int', 'int', 2147483648, 'an int, which goes from -2147483648 to 2147483647, not 2147483648'],
    ['int', 'int', 1.5, 'an int (a whole number), not 1.5'],
    ['int', 'int', 1n, 'an int, not a bigint'],
    ['long', 'long', 2 ** 53, 'a long, which goes from -4503599627370496 to 9007199254740990'],
    ['long', 'long', -(2 ** 52) - 1, 'a long, which goes from'],
    ['long', 'long', Number.NaN, 'a long (a whole number), not NaN'],
    ['double', 'double', Number.POSITIVE_INFINITY, 'a finite number, not Infinity'],
    ['float', 'float', 1e39, 'a finite number that a float can hold'],
    [
      'timestamp',
      { type: 'long', logicalType: 'timestamp-millis' },
      new Date(),
      'milliseconds since the epoch, as a number (`getTime()`), not a Date',
    ],
    ['timestamp', { type: 'long', logicalType: 'timestamp-millis' }, 8.65e15, 'milliseconds since the epoch'],
    ['uuid', { type: 'string', logicalType: 'uuid' }, `${uuid}0`, 'a UUID'],
    ['uuid', { type: 'string', logicalType: 'uuid' }, uuid.replace('-', 'a'), 'a UUID'],
    ['enum', { type: 'enum', name: 'State', symbols: ['OPEN', 'DONE'] }, 'constructor', 'one of OPEN, DONE'],
    ['bytes', 'bytes', 'text', 'bytes (a Uint8Array), not "text"'],
    [
      'fixed',
      { type: 'fixed', name: 'Hash', size: 2 },
      Uint8Array.of(1),
      '2 bytes (a Uint8Array), not 1 bytes',
    ],
    ['array', { type: 'array', items: 'int' }, { 0: 1 }, 'an array, not an object'],
    [
      'a hole in an array',
      { type: 'array', items: 'int' },
      Array.from({ length: 1 }),
      'an int, not undefined',
    ],
    ['map', { type: 'map', values: 'int' }, [1], 'an object whose values are all of one type, not an array'],
    ['map value', { type: 'map', values: 'int' }, { a: 'x' }, 'an int, not "x"'],
    ['null', 'int', null, 'an int, not null'],
  ])('of %s are refused if they are not: %#', (_, type, value, problem) => {
    expect(refusal(() => eventWith({ name: 'value', type })({ orderId: 'o1', value }))).toContain(problem)
  })

  it('of a map cannot have the key __proto__', () => {
    const type = eventWith({ name: 'value', type: { type: 'map', values: 'int' } })
    expect(refusal(() => type({ orderId: 'o1', value: JSON.parse('{"__proto__":1}') as object }))).toContain(
      'value.__proto__',
    )
  })
})

describe('a schema', () => {
  it.each([
    [
      'decimal',
      { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 },
      'field value is a decimal, which JavaScript cannot hold exactly. Use an integer of minor units',
    ],
    ['a union of types', ['null', 'int', 'string'], 'is a union of other than null and one type'],
    ['a union of one', ['int'], 'is a union of other than null and one type'],
    ['only null', 'null', 'can only be null'],
    ['a type defined elsewhere', 'Address', 'has the type "Address", which is defined nowhere before it'],
    ['an unknown type', { type: 'money' }, 'has the type "money"'],
    [
      'a misspelt logical type',
      { type: 'long', logicalType: 'timestamp-milis' },
      'has the logical type "timestamp-milis" on "long"',
    ],
    [
      'a logical type on the wrong type',
      { type: 'int', logicalType: 'timestamp-millis' },
      'has the logical type "timestamp-millis" on "int"',
    ],
    ['an enum without symbols', { type: 'enum', name: 'E', symbols: [] }, 'is the enum order.E'],
    ['an enum with a symbol twice', { type: 'enum', name: 'E', symbols: ['A', 'A'] }, 'is the enum order.E'],
    ['a fixed without size', { type: 'fixed', name: 'F' }, 'is the fixed order.F'],
    [
      'a record without fields',
      { type: 'record', name: 'R' },
      'defines the record order.R without a list of fields',
    ],
    [
      'a type twice',
      { type: 'record', name: 'OrderReceived', fields: [] },
      'defines order.OrderReceived a second time',
    ],
    [
      'a field that every object has',
      { type: 'record', name: 'R', fields: [{ name: 'constructor', type: 'int' }] },
      'a field named constructor',
    ],
  ])('with %s is refused, by field', (_, type, problem) => {
    const text = refusal(() => eventWith({ name: 'value', type }), 'TROUPE_SCHEMA_INVALID')
    expect(text).toMatch(/^The schema of OrderReceived is refused: field value/)
    expect(text).toContain(problem)
  })

  it.each([
    ['of another type', 'int', 'one'],
    ['of the union’s second type', ['null', 'int'], 1],
    ['null for a union that begins with another', ['int', 'null'], null],
    ['with a field that is none', item, { sku: 'a', amount: 1 }],
    ['for bytes that is no text of bytes', 'bytes', '€'],
  ])('with a default %s is refused', (_, type, value) => {
    const text = refusal(() => eventWith({ name: 'value', type, default: value }), 'TROUPE_SCHEMA_INVALID')
    expect(text).toContain(`field value has the default ${JSON.stringify(value)}`)
  })

  it('may have defaults of every kind', () => {
    const type = avroEvent({
      owner: 'order',
      schema: schemaOf([
        { name: 'nothing', type: ['null', 'int'], default: null },
        { name: 'bytes', type: 'bytes', default: '\u00ff\u0001' },
        { name: 'item', type: item, default: { sku: 'a' } },
        { name: 'counts', type: { type: 'map', values: 'int' }, default: { a: 1 } },
      ]),
    })
    expect(type.complete({ orderId: 'o1' })).toStrictEqual({
      orderId: 'o1',
      nothing: null,
      bytes: Buffer.from([255, 1]),
      item: { sku: 'a', quantity: 1 },
      counts: { a: 1 },
    })
  })

  it.each([
    ['none', undefined, 'names no key'],
    ['one that is no field', 'id', 'names "id" as its key, which is not a required string field'],
    ['one that is no string', 'count', 'names "count" as its key'],
    ['one that may be left out', 'note', 'names "note" as its key'],
  ])('must name a key, not %s', (_, key, problem) => {
    const schema = schemaOf([
      { name: 'count', type: 'int' },
      { name: 'note', type: 'string', default: '' },
    ])
    const make = () => avroEvent({ owner: 'order', schema: { ...schema, key } })
    expect(refusal(make, 'TROUPE_SCHEMA_INVALID')).toContain(problem)
  })

  it.each([null, 'string', { type: 'enum', name: 'E', symbols: ['A'] }])(
    'must be a record, not %j',
    (schema) => {
      const make = () => avroEvent({ owner: 'order', schema: schema as unknown as AvroRecordSchema })
      expect(refusal(make, 'TROUPE_SCHEMA_INVALID')).toContain('is not an Avro record')
    },
  )
})

function schemaOf(fields: readonly unknown[]): AvroRecordSchema {
  return {
    type: 'record',
    name: 'OrderReceived',
    namespace: 'order',
    key: 'orderId',
    fields: [{ name: 'orderId', type: 'string' }, ...fields],
  }
}

function eventWith(field: object) {
  return avroEvent({ owner: 'order', schema: schemaOf([field]) })
}

function refusal(act: () => unknown, code: TroupeErrorCode = 'TROUPE_EVENT_INVALID'): string {
  try {
    act()
  } catch (error) {
    if (isTroupeError(error, code)) return error.message
    throw error
  }
  throw new Error('nothing was refused')
}
