import { describe, expect, it } from '@jest/globals'
import { faultKindNames, patienceMs, scheduleOf, targetsOf } from './schedule.ts'

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
      for (const fault of scheduleOf({ ...options, seed })) {
        const { atMs, forMs } = fault
        for (const target of targetsOf(fault)) {
          expect(atMs).toBeGreaterThanOrEqual(Math.max(beforeMs, busyUntilMs.get(target) ?? 0))
          busyUntilMs.set(target, atMs + forMs)
        }
        expect(atMs).toBeLessThan(options.durationMs)
        beforeMs = atMs
      }
    }
  })

  it('silences both instances of a service for longer than it is waited for, and one service at a time', () => {
    const silences = scheduleOf({ ...options, durationMs: 600_000, kinds: ['silent-service'], seed: 1 })
    expect(silences.length).toBeGreaterThan(5)
    let endMs = 0
    for (const { atMs, forMs } of silences) {
      expect(atMs).toBeGreaterThanOrEqual(endMs)
      expect(forMs).toBeGreaterThan(patienceMs.ReservationOverdue)
      endMs = atMs + forMs
    }
    expect(silences.flatMap(targetsOf)).toEqual(
      silences.flatMap(({ target }) => [`${target}-1`, `${target}-2`]),
    )
  })

  it('freezes instances past their session as well as for a moment', () => {
    const freezes = scheduleOf({ ...options, kinds: ['freeze'], seed: 3 }).map(({ forMs }) => forMs)
    expect(freezes.some((ms) => ms > options.sessionTimeoutMs)).toBe(true)
    expect(freezes.some((ms) => ms < options.sessionTimeoutMs / 2)).toBe(true)
  })
})
