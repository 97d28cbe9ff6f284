import { describe, expect, it } from '@jest/globals'
import { schemaKey } from './normalize.ts'

const key = (schema: unknown, references = []) => schemaKey('AVRO', JSON.stringify(schema), references)
const order = {
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [{ name: 'line', type: { type: 'record', name: 'Line', fields: [{ name: 'n', type: 'int' }] } }],
}

describe('schemaKey', () => {
  it('does not look at white space or the order of attributes', () => {
    const { type, ...rest } = order
    expect(schemaKey('AVRO', JSON.stringify({ ...rest, type }, null, 2), [])).toBe(key(order))
  })

  it('takes a primitive written as an object for the primitive', () => {
    expect(key({ type: 'string' })).toBe(key('string'))
    expect(key({ type: 'array', items: { type: 'int' } })).toBe(key({ type: 'array', items: 'int' }))
  })

  it('takes names for what they stand for, with or without a namespace attribute', () => {
    const { namespace: _, ...rest } = order
    const line = { type: 'record', name: 'shop.Line', fields: [{ name: 'n', type: 'int' }] }
    expect(key({ ...rest, name: 'shop.Order', fields: [{ name: 'line', type: line }] })).toBe(key(order))
    const byName = (type: string) => ({ ...order, fields: [...order.fields, { name: 'other', type }] })
    expect(key(byName('Line'))).toBe(key(byName('shop.Line')))
  })

  it('tells apart what differs in doc, default, field order, namespace or logical type', () => {
    const variants = [
      order,
      { ...order, doc: 'an order' },
      { ...order, namespace: 'other' },
      { ...order, fields: [...order.fields, { name: 'b', type: 'int', default: 1 }] },
      { ...order, fields: [...order.fields, { name: 'b', type: 'int', default: 2 }] },
      { ...order, fields: [{ name: 'b', type: 'int', default: 1 }, ...order.fields] },
      { type: 'long' },
      { type: 'long', logicalType: 'timestamp-millis' },
      { type: 'array', items: 'int' },
      { type: 'map', values: 'int' },
      ['null', 'int'],
      ['int', 'null'],
    ]
    expect(new Set(variants.map((schema) => key(schema))).size).toBe(variants.length)
  })

  it('counts references, in any order, and the kind of schema', () => {
    const a = { name: 'A', subject: 'a', version: 1 }
    const b = { name: 'B', subject: 'b', version: 1 }
    expect(schemaKey('AVRO', '"int"', [a, b])).toBe(schemaKey('AVRO', '"int"', [b, a]))
    expect(schemaKey('AVRO', '"int"', [a])).not.toBe(schemaKey('AVRO', '"int"', [{ ...a, version: 2 }]))
    expect(schemaKey('JSON', '"int"', [])).not.toBe(schemaKey('AVRO', '"int"', []))
  })

  it('evens out line ends and trailing space in Protobuf', () => {
    const text = 'syntax = "proto3";\nmessage A {}\n'
    expect(schemaKey('PROTOBUF', text.replaceAll('\n', '  \r\n'), [])).toBe(schemaKey('PROTOBUF', text, []))
    expect(schemaKey('PROTOBUF', `${text}message B {}`, [])).not.toBe(schemaKey('PROTOBUF', text, []))
  })
})
