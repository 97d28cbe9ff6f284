import { describe, expect, it } from '@jest/globals'
import { faultKindNames, scheduleOf } from './schedule.ts'

const options = {
  durationMs: 120_000,
  kinds: faultKindNames,
  services: ['order', 'payment'],
  sessionTimeoutMs: 2_000,
}

describe('A schedule of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(scheduleOf({ ...options, seed: 7 })).toEqual(scheduleOf({ ...options, seed: 7 }))
    expect(scheduleOf({ ...options, seed: 7 })).not.toEqual(scheduleOf({ ...options, seed: 8 }))
  })

  it('has every kind that was asked for, and no other', () => {
    const kindsOf = (kinds: typeof faultKindNames) =>
      [...new Set(scheduleOf({ ...options, kinds, seed: 1 }).map(({ kind }) => kind))].toSorted()
    expect(kindsOf(faultKindNames)).toEqual(faultKindNames.toSorted())
    expect(kindsOf(['kill', 'cut'])).toEqual(['cut', 'kill'])
    expect(kindsOf([])).toEqual([])
  })

  it('begins no fault where another one goes on, and none after its time', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const busyUntilMs = new Map<string, number>()
      let beforeMs = 0
      for (const { atMs, target, forMs } of scheduleOf({ ...options, seed })) {
        expect(atMs).toBeGreaterThanOrEqual(Math.max(beforeMs, busyUntilMs.get(target) ?? 0))
        expect(atMs).toBeLessThan(options.durationMs)
        busyUntilMs.set(target, atMs + forMs)
        beforeMs = atMs
      }
    }
  })

  it('freezes instances past their session as well as for a moment', () => {
    const freezes = scheduleOf({ ...options, kinds: ['freeze'], seed: 3 }).map(({ forMs }) => forMs)
    expect(freezes.some((ms) => ms > options.sessionTimeoutMs)).toBe(true)
    expect(freezes.some((ms) => ms < options.sessionTimeoutMs / 2)).toBe(true)
  })
})
