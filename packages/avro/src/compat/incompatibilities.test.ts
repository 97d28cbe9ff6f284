import { describe, expect, it } from '@jest/globals'
import { incompatibilities } from './incompatibilities.ts'

const state = (symbols: readonly string[], more: object = {}) => ({
  type: 'enum',
  name: 'State',
  symbols,
  ...more,
})
const item = (...fields: readonly object[]) => ({
  type: 'record',
  name: 'Item',
  fields: [{ name: 'sku', type: 'string' }, ...fields],
})
const millis = { type: 'long', logicalType: 'timestamp-millis' }

describe('two versions of a schema agree both ways', () => {
  it.each([
    ['that are the same', [{ name: 'a', type: 'int' }], [{ name: 'a', type: 'int' }]],
    ['after a field with a default was added', [{ name: 'a', type: 'int', default: 0 }], []],
    ['after a field with a default was taken away', [], [{ name: 'a', type: 'int', default: 0 }]],
    [
      'after a doc changed',
      [{ name: 'a', type: 'int', doc: 'new' }],
      [{ name: 'a', type: 'int', doc: 'old' }],
    ],
    [
      'after a default changed',
      [{ name: 'a', type: 'int', default: 1 }],
      [{ name: 'a', type: 'int', default: 0 }],
    ],
    [
      'after fields changed places',
      [
        { name: 'a', type: 'int' },
        { name: 'b', type: 'int' },
      ],
      [
        { name: 'b', type: 'int' },
        { name: 'a', type: 'int' },
      ],
    ],
    [
      'after an enum with a default grew',
      [{ name: 's', type: state(['A', 'B'], { default: 'A' }) }],
      [{ name: 's', type: state(['A'], { default: 'A' }) }],
    ],
    ['after a number was given a meaning', [{ name: 'at', type: millis }], [{ name: 'at', type: 'long' }]],
  ])('%s', (_, newer, older) => {
    expect(incompatibilities(schemaOf(newer), schemaOf(older))).toEqual([])
  })

  it('after the namespace moved', () => {
    expect(incompatibilities({ ...schemaOf([]), namespace: 'shop.order' }, schemaOf([]))).toEqual([])
  })
})

describe('two versions of a schema do not agree', () => {
  it.each([
    [
      'after a field without a default was added',
      [{ name: 'a', type: 'int' }],
      [],
      'a',
      /^is new and has no default.*Give it a default\.$/,
    ],
    [
      'after a field without a default was taken away',
      [],
      [{ name: 'a', type: 'int' }],
      'a',
      /^is gone and had no default/,
    ],
    [
      'after a type changed',
      [{ name: 'a', type: 'string' }],
      [{ name: 'a', type: 'int' }],
      'a',
      /^is string and was int, and events that are written/,
    ],
    [
      'after a number grew wider',
      [{ name: 'a', type: 'long' }],
      [{ name: 'a', type: 'int' }],
      'a',
      /^is long and was int, and services that run the older/,
    ],
    [
      'after a number grew narrower',
      [{ name: 'a', type: 'int' }],
      [{ name: 'a', type: 'long' }],
      'a',
      /^is int and was long, and events that are written/,
    ],
    [
      'after null was let in',
      [{ name: 'a', type: ['null', 'int'] }],
      [{ name: 'a', type: 'int' }],
      'a',
      /^can be null now/,
    ],
    [
      'after null was shut out',
      [{ name: 'a', type: 'int' }],
      [{ name: 'a', type: ['null', 'int'] }],
      'a',
      /^cannot be null any more/,
    ],
    [
      'after the type beside null changed',
      [{ name: 'a', type: ['null', 'string'] }],
      [{ name: 'a', type: ['null', 'int'] }],
      'a',
      /^is null or string and was int/,
    ],
    [
      'after an enum grew',
      [{ name: 's', type: state(['A', 'B']) }],
      [{ name: 's', type: state(['A']) }],
      's',
      /^can be B now/,
    ],
    [
      'after an enum shrank',
      [{ name: 's', type: state(['A']) }],
      [{ name: 's', type: state(['A', 'B']) }],
      's',
      /^lost B/,
    ],
    [
      'after an array’s items changed',
      [{ name: 'l', type: { type: 'array', items: 'string' } }],
      [{ name: 'l', type: { type: 'array', items: 'int' } }],
      'l',
      /^is string and was int/,
    ],
    [
      'after a map’s values changed',
      [{ name: 'm', type: { type: 'map', values: 'string' } }],
      [{ name: 'm', type: { type: 'map', values: 'int' } }],
      'm',
      /^is string and was int/,
    ],
    [
      'after a nested field was added',
      [{ name: 'l', type: { type: 'array', items: item({ name: 'n', type: 'int' }) } }],
      [{ name: 'l', type: { type: 'array', items: item() } }],
      'l.n',
      /^is new and has no default/,
    ],
    [
      'after a fixed changed its size',
      [{ name: 'f', type: { type: 'fixed', name: 'F', size: 2 } }],
      [{ name: 'f', type: { type: 'fixed', name: 'F', size: 3 } }],
      'f',
      /"size":2.*was .*"size":3/,
    ],
    [
      'after a number changed its meaning',
      [{ name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } }],
      [{ name: 'at', type: millis }],
      'at',
      /^is a timestamp-micros and was a timestamp-millis/,
    ],
  ])('%s, and the field is named once', (_, newer, older, path, problem) => {
    const found = incompatibilities(schemaOf(newer), schemaOf(older))
    expect(found.map((one) => one.path)).toEqual([path])
    expect(found[0]?.problem).toMatch(problem)
  })

  it('after several changes, each of which is named', () => {
    const found = incompatibilities(
      schemaOf([
        { name: 'a', type: 'string' },
        { name: 'new', type: 'int' },
      ]),
      schemaOf([
        { name: 'a', type: 'int' },
        { name: 'old', type: 'int' },
      ]),
    )
    expect(found.map(({ path }) => path)).toEqual(['a', 'new', 'old'])
  })

  it('after the key changed', () => {
    const [found] = incompatibilities({ ...schemaOf([]), key: 'customerId' }, schemaOf([]))
    expect(found?.problem).toContain('has the key "customerId" and had "orderId"')
  })

  it('after the record was renamed', () => {
    const [found] = incompatibilities({ ...schemaOf([]), name: 'OrderPlaced' }, schemaOf([]))
    expect(found?.problem).toContain('is record order.OrderPlaced and was record order.OrderReceived')
  })
})

function schemaOf(fields: readonly object[]) {
  return {
    type: 'record',
    name: 'OrderReceived',
    namespace: 'order',
    key: 'orderId',
    fields: [{ name: 'orderId', type: 'string' }, ...fields],
  }
}
