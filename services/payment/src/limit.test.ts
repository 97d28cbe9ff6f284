import { describe, expect, it } from '@jest/globals'
import { limitCents, reasonToDecline } from './limit.ts'

describe('what the gateway is not asked for', () => {
  it.each([
    [limitCents, undefined],
    [0, undefined],
    [limitCents + 1, `over the limit of ${limitCents} cents`],
    [-1, 'not an amount: -1 cents'],
  ])('%i cents: %s', (totalCents, reason) => {
    expect(reasonToDecline(totalCents)).toBe(reason)
  })
})
