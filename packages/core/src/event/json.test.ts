import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { flawOfJson, freeze } from './json.ts'

class Money {
  readonly cents = 1
}

describe('a value that a database keeps as it is', () => {
  it('is any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(flawOfJson(value)).toBeUndefined()
      }),
    )
    expect(flawOfJson({ note: 'NUL \0 and half \uD83C', gone: undefined })).toBeUndefined()
    expect(flawOfJson(Object.create(null))).toBeUndefined()
    // Of another realm, as what a database driver hands over may be.
    expect(flawOfJson(structuredClone({ a: [{ b: 1 }] }))).toBeUndefined()
  })

  it.each<[unknown, string]>([
    [undefined, 'it is undefined'],
    [{ free: Number.NaN }, 'free is NaN'],
    [{ items: [{ price: Infinity }] }, 'items[0].price is Infinity'],
    [[1, undefined], '[1] is undefined'],
    [{ at: new Date(0) }, 'at is a Date'],
    [{ by: new Map() }, 'by is a Map'],
    [{ price: new Money() }, 'price is a Money'],
    [{ bytes: new Uint8Array(1) }, 'bytes is a Uint8Array'],
    [{ cents: 1n }, 'cents is a bigint'],
    [{ later() {} }, 'later is a function'],
    [{ kind: Symbol('k') }, 'kind is a symbol'],
  ])('is not %p', (value, flaw) => {
    expect(flawOfJson(value)).toBe(flaw)
  })

  it('does not contain itself', () => {
    const loop: { within?: unknown } = {}
    loop.within = loop
    expect(flawOfJson(loop)).toMatch(/within lies more than 100 levels deep, or within itself$/)
  })
})

describe('freezing', () => {
  it('goes all the way down and gives back the same value', () => {
    const value = { items: [{ sku: 'book' }], left: { over: null } }
    expect(freeze(value)).toBe(value)
    expect([value, value.items, value.items[0], value.left].every(Object.isFrozen)).toBe(true)
  })

  it('leaves alone what is not plain data', () => {
    const value = { bytes: new Uint8Array(2), at: new Date(0) }
    freeze(value)
    expect(Object.isFrozen(value.at)).toBe(false)
    value.bytes[0] = 7
    expect(value.bytes[0]).toBe(7)
  })

  it('passes over what is no object, and what lies within itself', () => {
    expect([freeze(1), freeze('a'), freeze(null), freeze(undefined)]).toEqual([1, 'a', null, undefined])
    const loop: { within?: unknown } = {}
    loop.within = loop
    expect(Object.isFrozen(freeze(loop))).toBe(true)
  })
})
