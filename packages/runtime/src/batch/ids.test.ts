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

  it('begins as the UUID of its cause where that is one of time, and hands this on', () => {
    const cause = 'command:placeOrder:01936e5c-7a10-7b3e-8d2f-4c5a6b7c8d9e'
    const order = deriveId('order', cause, 'id', 'order')
    const received = deriveId('order', cause, 'event', '0')
    const paid = deriveId('payment', `event:5:order${received}`, 'event', '0')
    for (const id of [order, received, paid]) expect(id).toMatch(/^01936e5c-7a10-8/)
    expect(new Set([order, received, paid].map((id) => id.slice(14))).size).toBe(3)
  })

  it('begins as nothing else does where its cause has a random UUID, or none', () => {
    expect(deriveId('order', 'command:placeOrder:7c9e6679-7425-40de-944b-e07fc1f90ae7')).not.toMatch(/^7c9e/)
    expect(deriveId('order', 'one').slice(0, 8)).not.toBe(deriveId('order', 'two').slice(0, 8))
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
