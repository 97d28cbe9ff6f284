import { describe, expect, it } from '@jest/globals'
import { elsewhere } from './elsewhere.ts'

const aYearMs = 365 * 86_400_000

describe('elsewhere', () => {
  it('every clock is ahead by more than a year, and dates are dates all the same', () => {
    const there = elsewhere(() => ({
      now: Date.now(),
      made: new Date(),
      told: new Date(0),
      text: Date(),
      utc: Date.UTC(2026, 0, 1),
      elapsed: performance.now(),
    }))
    for (const ms of [
      there.now,
      there.made.getTime(),
      new Date(there.text).getTime(),
      performance.timeOrigin + there.elapsed,
    ])
      expect(ms).toBeGreaterThan(Date.now() + aYearMs)
    expect([there.told.getTime(), there.utc]).toEqual([0, Date.UTC(2026, 0, 1)])
    expect([there.made instanceof Date, there.told instanceof Date, there.made.constructor === Date]).toEqual(
      [true, true, true],
    )
  })

  it('random numbers are others, and still from 0 to 1', () => {
    for (let count = 0; count < 100; count++) {
      const drawn = elsewhere(() => Math.random())
      expect(drawn > 0.5 && drawn <= 1).toBe(true)
    }
  })

  it('ends when what is run returns or throws', () => {
    const { Date: date, performance: timer } = globalThis
    const [random, elapsed] = [Math.random, timer.now]
    expect(() =>
      elsewhere(() => {
        throw new Error('over')
      }),
    ).toThrow('over')
    expect([globalThis.Date, Math.random, timer.now]).toEqual([date, random, elapsed])
  })
})
