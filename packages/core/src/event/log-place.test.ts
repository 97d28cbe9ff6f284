import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { atLogPlace, logPlaceOf, offsetName } from './log-place.ts'

const record = fc.record({
  life: fc.integer({ min: 0, max: 131_071 }),
  offset: fc.bigInt({ min: 0n, max: 2n ** 46n - 1n }),
})

describe('the place of a record', () => {
  it('is its offset as long as its topic has had one life', () => {
    expect(logPlaceOf({ offset: 4_711n })).toBe(4_711n)
    expect(atLogPlace(4_711n)).toEqual({ offset: 4_711n })
    expect(offsetName({ offset: 4_711n })).toBe('4711')
  })

  it('goes by lives, then by offsets, is nobody else’s, says both, and fits into 63 bits', () => {
    fc.assert(
      fc.property(record, record, (one, other) => {
        const [left, right] = [logPlaceOf(one), logPlaceOf(other)]
        const byBoth = one.life - other.life || Number(one.offset - other.offset)
        expect(Math.sign(Number(left - right))).toBe(Math.sign(byBoth))
        expect(offsetName(one) === offsetName(other)).toBe(left === right)
        const { offset, life = 0 } = atLogPlace(left)
        expect({ offset, life }).toEqual(one)
        expect(BigInt.asIntN(64, left)).toBe(left)
      }),
    )
  })
})
