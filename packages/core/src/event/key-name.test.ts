import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { keyNameOf } from './key-name.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('the name under which a key is parked', () => {
  it('is the key itself where people can read it', () => {
    expect(keyNameOf({ key: bytes('order-17é'), offset: 3n })).toBe('order-17é')
    expect(keyNameOf({ key: bytes(''), offset: 3n })).toBe('')
  })

  it('is the place of a record that has no key: nothing follows it', () => {
    expect(keyNameOf({ key: null, offset: 3n })).toBe('@3')
    expect(keyNameOf({ key: null, offset: 3n, life: 2 })).toBe('@3~2')
  })

  it('is short, fit for a database, and the same for the same bytes, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (key) => {
        const name = keyNameOf({ key, offset: 0n })
        expect(name.length).toBeLessThanOrEqual(200)
        expect(name).not.toMatch(/\0|\p{Surrogate}/u)
        expect(keyNameOf({ key: key.slice(), offset: 9n })).toBe(name)
      }),
    )
  })

  it('tells long keys apart that begin alike, and bytes that are no text', () => {
    const names = [
      bytes(`${'x'.repeat(300)}a`),
      bytes(`${'x'.repeat(300)}b`),
      Uint8Array.of(255),
      Uint8Array.of(254),
    ]
    expect(new Set(names.map((key) => keyNameOf({ key, offset: 0n }))).size).toBe(4)
  })
})
