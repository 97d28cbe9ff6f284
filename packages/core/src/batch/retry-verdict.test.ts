import { describe, expect, it } from '@jest/globals'
import { TroupeError, type TroupeErrorCode } from '../errors.ts'
import { retryVerdictOf } from './retry-verdict.ts'

describe('what to do about an error', () => {
  it.each<[TroupeErrorCode, string]>([
    ['TROUPE_DATABASE_UNREACHABLE', 'wait'],
    ['TROUPE_KAFKA_UNREACHABLE', 'wait'],
    ['TROUPE_REGISTRY_UNREACHABLE', 'wait'],
    ['TROUPE_ACCESS_DENIED', 'wait'],
    ['TROUPE_CONFLICT', 'decide-again'],
    ['TROUPE_FENCED', 'let-go'],
    ['TROUPE_STOPPED', 'let-go'],
    ['TROUPE_EVENT_INVALID', 'blame'],
    ['TROUPE_ENVELOPE_INVALID', 'blame'],
  ])('%s: %s', (code, verdict) => {
    expect(retryVerdictOf(new TroupeError(code, 'x'))).toBe(verdict)
  })

  it('blames the work for whatever else was thrown', () => {
    expect([new Error('x'), new TypeError('x'), 'x', undefined].map(retryVerdictOf)).toEqual([
      'blame',
      'blame',
      'blame',
      'blame',
    ])
  })
})
