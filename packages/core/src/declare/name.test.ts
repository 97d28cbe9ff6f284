import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { flawOfName, nameLengthMax, pairKey, pairMap } from './name.ts'

describe('a name', () => {
  it.each(['o', 'order-1', 'ключ', '🎭', ' ', 'a\nb', 'x'.repeat(nameLengthMax)])('may be %p', (name) => {
    expect(flawOfName(name)).toBeUndefined()
  })

  it.each([
    ['', 'is empty'],
    ['x'.repeat(nameLengthMax + 1), 'has 513 characters, more than 512'],
    ['a\0b', 'holds a NUL character, or bytes that are no UTF-8'],
    ['half \uD83C', 'holds a NUL character, or bytes that are no UTF-8'],
    ['\uFFFD', 'holds a NUL character, or bytes that are no UTF-8'],
  ])('may not be %p', (name, flaw) => {
    expect(flawOfName(name)).toBe(flaw)
  })
})

const name = fc.string({ unit: fc.constantFrom('a', ':', '1', '2', '\n', '/') })

describe('a key of two names', () => {
  it('is shared by no other two, whatever characters they hold', () => {
    fc.assert(
      fc.property(name, name, name, name, (a, b, c, d) => {
        expect(pairKey(a, b) === pairKey(c, d)).toBe(a === c && b === d)
      }),
    )
    expect(pairKey('a', 'bc')).not.toBe(pairKey('ab', 'c'))
  })
})

describe('a map by two names', () => {
  it('behaves as a map by their pair', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, name, fc.nat())), (entries) => {
        const map = pairMap<number>()
        const model = new Map<string, number>()
        for (const [first, second, value] of entries) {
          map.set(first, second, value)
          model.set(JSON.stringify([first, second]), value)
        }
        for (const [first, second] of entries) {
          expect(map.get(first, second)).toBe(model.get(JSON.stringify([first, second])))
        }
        expect(map.values()).toEqual([...model.values()])
        expect(map.get('never', 'set')).toBeUndefined()
      }),
    )
  })
})
