import { describe, expect, it } from '@jest/globals'
import { matches } from './match.ts'

describe('a partial match', () => {
  it.each<[unknown, unknown]>([
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: { b: 1 } }, { a: { b: 1, c: 2 } }],
    [{ a: [{ b: 1 }] }, { a: [{ b: 1, c: 2 }] }],
    [{ a: null }, { a: null }],
    [{}, { a: 1 }],
    [{ a: Uint8Array.of(1) }, { a: Buffer.from([1]) }],
    [{ a: new Date(1) }, { a: new Date(1) }],
    ['text', 'text'],
  ])('%j is part of %j', (part, actual) => expect(matches(part, actual)).toBe(true))

  it.each<[unknown, unknown]>([
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { b: 1 }],
    [{ a: { b: 1 } }, { a: null }],
    [{ a: [1] }, { a: [1, 2] }],
    [{ a: [1] }, { a: { 0: 1 } }],
    [{ a: {} }, { a: [] }],
    [{ a: Uint8Array.of(1) }, { a: Buffer.from([2]) }],
    [{ a: new Date(1) }, { a: new Date(2) }],
    [{ a: undefined }, { a: 1 }],
    [{ a: '1' }, { a: 1 }],
  ])('%j is no part of %j', (part, actual) => expect(matches(part, actual)).toBe(false))
})
