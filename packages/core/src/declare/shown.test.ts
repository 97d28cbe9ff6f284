import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { command } from './command.ts'
import { TroupeError } from '../errors.ts'
import { releaseStock, reserveStock, ShippingFailed, stock } from '../fixtures.test.kit.ts'
import { shown } from './shown.ts'

const throwing = new Proxy(() => {}, {
  get() {
    throw new Error('no')
  },
})

describe('a value in a message', () => {
  it.each<[unknown, string]>([
    [null, 'null'],
    [undefined, 'undefined'],
    [3, '3'],
    [-0, '-0'],
    [Number.NaN, 'NaN'],
    [false, 'false'],
    ['3', '"3"'],
    ['a\nb', '"a\\nb"'],
    [1n, '1n, a bigint'],
    [Symbol('s'), 'Symbol(s), a symbol'],
    [[], 'an empty list'],
    [[1, 2], 'a list of 2'],
    [{ secret: 1 }, 'an object'],
    [Object.create(null), 'an object'],
    [new Map(), 'a Map'],
    [new Error('e'), 'an Error'],
    [new TroupeError('TROUPE_FENCED', 'e'), 'a TroupeError'],
    [Promise.resolve(), 'a promise'],
    [() => {}, 'a function'],
    [function charge() {}, 'the function charge'],
    [ShippingFailed, 'the event type ShippingFailed'],
    [ShippingFailed({ orderId: 'o1' }), 'an event of the type ShippingFailed'],
    [stock, 'the kind of document stock'],
    [stock('book'), 'a document of the kind stock'],
    [reserveStock, 'a reaction'],
    [releaseStock, 'an undo'],
    [command({ emits: [], react() {} }), 'a command'],
  ])('%p is shown as %s', (value, text) => {
    expect(shown(value)).toBe(text)
  })

  it('is named as little as it can be looked at', () => {
    expect(shown(throwing)).toBe('something that cannot be looked at')
  })

  it('is short and of one line, whatever it is', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true })
    fc.assert(
      fc.property(fc.oneof(anything, fc.string({ maxLength: 500 }), fc.bigInt()), (value) => {
        expect(shown(value)).toMatch(/^[^\n]{1,600}$/u)
      }),
    )
  })
})
