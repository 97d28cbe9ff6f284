import { describe, expect, it } from '@jest/globals'
import { type LaneSight, type Sight, stallOf } from './stall.ts'

const limits = { stalledAfterMs: 1_000, rebalanceTimeoutMs: 5_000 }
const hungry: LaneSight = { name: 'order.events/0', isHungry: true, tail: 5n, sinceMs: 0, end: 9n }

function at(nowMs: number, sight: Partial<Sight> = {}): string | undefined {
  return stallOf({ nowMs, fetchedAtMs: nowMs, isRebalancing: false, lanes: [], ...sight }, limits)
}

describe('a consumer', () => {
  it('is stuck when no fetch was answered for too long', () => {
    expect(at(1_000, { fetchedAtMs: 0 })).toBeUndefined()
    expect(at(1_001, { fetchedAtMs: 0 })).toBe('no fetch was answered for 1001 ms')
  })

  it('may fetch nothing while its group is joined again, but not for ever', () => {
    const isRebalancing = true
    expect(at(6_000, { fetchedAtMs: 0, isRebalancing, lanes: [hungry] })).toBeUndefined()
    expect(at(6_001, { fetchedAtMs: 0, isRebalancing })).toContain('no fetch was answered')
  })

  it('is stuck when it passes over a partition in which records wait', () => {
    expect(at(1_000, { lanes: [hungry] })).toBeUndefined()
    expect(at(1_001, { lanes: [hungry] })).toBe(
      'nothing of order.events/0 was fetched for 1001 ms, although it reaches to 9 and 5 is due',
    )
  })

  it('is not stuck where nothing waits, nothing more is wanted, or nobody knows', () => {
    for (const lane of [{ end: 5n }, { end: 4n }, { end: undefined }, { isHungry: false }])
      expect(at(9_000, { lanes: [{ ...hungry, ...lane }] })).toBeUndefined()
  })
})
