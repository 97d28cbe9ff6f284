import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { isTroupeError } from '../errors.ts'
import { afterFailure, declaredPolicy, retryPolicyDefault, retryPolicyOf } from './retry-policy.ts'

const plain = { form: 'reaction', retry: undefined } as const

describe('what becomes of an event that failed', () => {
  it('is parked five times by default, for some two minutes in all, and then a dead letter', () => {
    const verdicts = [1, 2, 3, 4, 5, 6].map((attempts) => afterFailure(attempts, retryPolicyDefault, 0))
    expect(verdicts).toEqual([
      ...[1_000, 3_000, 9_000, 27_000, 60_000].map((delayMs) => ({ form: 'park', delayMs })),
      { form: 'dead-letter', followers: 'release' },
    ])
  })

  it('never waits longer than its policy says, nor ever forgets to end', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.record({
          attempts: fc.constantFrom(1, 2, 50, Number.POSITIVE_INFINITY),
          delayMs: fc.integer({ min: 0, max: 1e6 }),
          factor: fc.double({ min: 1, max: 100, noNaN: true }),
          delayMsMax: fc.integer({ min: 0, max: 1e7 }),
          jitter: fc.double({ min: 0, max: 1, noNaN: true }),
          followers: fc.constantFrom('release' as const, 'hold' as const),
        }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempts, policy, random) => {
          const verdict = afterFailure(attempts, policy, random)
          if (attempts >= policy.attempts) {
            expect(verdict).toEqual({ form: 'dead-letter', followers: policy.followers })
            return
          }
          const { delayMs } = verdict as { delayMs: number }
          expect(delayMs).toBeGreaterThanOrEqual(0)
          expect(delayMs).toBeLessThanOrEqual(Math.round(policy.delayMsMax * (1 + policy.jitter)))
        },
      ),
    )
  })

  it('is tried at once, however often it has failed, where the policy waits for nothing', () => {
    const policy = { ...retryPolicyDefault, attempts: Number.POSITIVE_INFINITY, delayMs: 0 }
    for (const attempts of [1, 2, 688, 100_000])
      expect(afterFailure(attempts, policy, 0.5)).toEqual({ form: 'park', delayMs: 0 })
  })

  it('spreads what failed together by the jitter', () => {
    const policy = { ...retryPolicyDefault, jitter: 0.5 }
    expect([0, 0.5, 0.999].map((random) => afterFailure(1, policy, random))).toEqual(
      [1_000, 1_250, 1_500].map((delayMs) => ({ form: 'park', delayMs })),
    )
  })
})

describe('the policy of a reaction', () => {
  it('is its own, else that of its service, else that of the settings, else the default', () => {
    const service = { attempts: 4, factor: 2 }
    const settings = { attempts: 3, delayMs: 7 }
    expect(retryPolicyOf({ ...plain, retry: { attempts: 5 } }, service, settings)).toEqual({
      ...retryPolicyDefault,
      attempts: 5,
      factor: 2,
      delayMs: 7,
    })
    expect(retryPolicyOf(plain, service, settings).attempts).toBe(4)
    expect(retryPolicyOf(plain, {}, settings).attempts).toBe(3)
    expect(retryPolicyOf(plain, {}, { attempts: undefined })).toEqual(retryPolicyDefault)
  })

  it('has no last attempt for an undo, unless the undo itself says so', () => {
    const undo = { form: 'undo', retry: undefined } as const
    expect(retryPolicyOf(undo, { attempts: 4 }, { attempts: 1 }).attempts).toBe(Number.POSITIVE_INFINITY)
    expect(retryPolicyOf({ ...undo, retry: { attempts: 2 } }).attempts).toBe(2)
  })

  it('runs as fast as the settings say, also where it was declared', () => {
    const declared = { ...plain, retry: { delayMs: 500, delayMsMax: 4_000 } }
    expect(retryPolicyOf(declared, {}, { delayScale: 0.01 })).toMatchObject({ delayMs: 5, delayMsMax: 40 })
  })

  it.each([
    [{ attempts: 0 }, /retry\.attempts.*is 0.*1 to Infinity/],
    [{ attempts: 1.5 }, /whole number/],
    [{ delayMs: -1 }, /retry\.delayMs/],
    [{ delayMs: Number.NaN }, /is NaN/],
    [{ factor: 0.5 }, /retry\.factor/],
    [{ jitter: 2 }, /retry\.jitter/],
    [{ followers: 'drop' }, /'release' or 'hold'/],
    [{ tries: 3 }, /has no "retry\.tries"\. Use attempts, .* or followers\./],
  ])('is refused as %j, by name', (retry, message) => {
    const refused = () => declaredPolicy(retry as object, 'the reaction on OrderReceived')
    expect(refused).toThrow(message)
    try {
      refused()
    } catch (error) {
      expect(isTroupeError(error, 'TROUPE_DECLARATION_INVALID')).toBe(true)
    }
  })
})
