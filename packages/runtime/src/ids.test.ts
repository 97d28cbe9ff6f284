import { describe, expect, it } from '@jest/globals'
import { deriveId, inputHashOf } from './ids.ts'

describe('deriveId', () => {
  it('derives the same id from the same parts', () => {
    expect(deriveId('payment', 'event-1', 'event', '0')).toBe(deriveId('payment', 'event-1', 'event', '0'))
  })

  it('tells apart parts that would join to the same text', () => {
    expect(deriveId('a', 'bc')).not.toBe(deriveId('ab', 'c'))
    expect(deriveId('a,b')).not.toBe(deriveId('a', 'b'))
  })

  it('makes UUIDs of version 8', () => {
    for (let n = 0; n < 100; n++) {
      expect(deriveId(String(n))).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      )
    }
  })
})

describe('inputHashOf', () => {
  it('does not depend on the order of properties, at any depth', () => {
    expect(inputHashOf({ a: 1, b: [{ c: 2, d: 3 }] })).toBe(inputHashOf({ b: [{ d: 3, c: 2 }], a: 1 }))
  })

  it('depends on the order of a list', () => {
    expect(inputHashOf({ a: [1, 2] })).not.toBe(inputHashOf({ a: [2, 1] }))
  })
})
