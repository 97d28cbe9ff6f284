import { describe, expect, it } from '@jest/globals'
import { actionOf, timeOf } from './options.ts'

const nowMs = Date.parse('2026-05-01T12:00:00Z')

describe('a time on the command line', () => {
  it.each([
    ['15m', '2026-05-01T11:45:00.000Z'],
    ['3d', '2026-04-28T12:00:00.000Z'],
    ['2026-05-01', '2026-05-01T00:00:00.000Z'],
    ['2026-05-01T12:00Z', '2026-05-01T12:00:00.000Z'],
    ['2026-05-01T12:00:30+02:00', '2026-05-01T10:00:30.000Z'],
  ])('may be %s', (text, iso) => {
    expect(timeOf(text, nowMs)).toBe(iso)
  })

  it.each(['', '1', '15', '-5m', '2026-05-01T12:00', 'yesterday', '2026-13-01'])('is not %j', (text) => {
    expect(() => timeOf(text, nowMs)).toThrow(/is no time/)
  })
})

describe('a command that changes something', () => {
  const by = 'ada'

  it('wants to be told what, and why', () => {
    expect(actionOf({ by, reason: 'fixed', group: 'g' }, [], 'redrive')).toEqual({ by, reason: 'fixed' })
    expect(actionOf({ by, reason: 'fixed', all: true }, [], 'redrive')).toEqual({ by, reason: 'fixed' })
    expect(actionOf({ by, reason: 'fixed' }, ['a/0/1'], 'redrive')).toEqual({ by, reason: 'fixed' })
    expect(() => actionOf({ by, reason: 'fixed' }, [], 'redrive')).toThrow(/Nothing says what to redrive/)
    expect(() => actionOf({ by, reason: 'fixed', state: 'open' }, [], 'redrive')).toThrow(/Nothing says what/)
    expect(() => actionOf({ by, reason: 'fixed', all: true }, ['a/0/1'], 'redrive')).toThrow(/not both/)
    expect(() => actionOf({ by, all: true }, [], 'discard')).toThrow(/Say why: --reason/)
    expect(() => actionOf({ by, reason: ' ', all: true }, [], 'discard')).toThrow(/Say why: --reason/)
    expect(() => actionOf({ by: '', reason: 'x', all: true }, [], 'discard')).toThrow(/--by names nobody/)
    expect(actionOf({ by, reason: ' fixed ', all: true }, [], 'redrive')).toEqual({ by, reason: 'fixed' })
  })

  it('needs no reason where it changes nothing', () => {
    expect(actionOf({ by, dryRun: true, group: 'g' }, [], 'redrive')).toMatchObject({ by })
  })
})
