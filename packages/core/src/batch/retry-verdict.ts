import { isTroupeError, type TroupeErrorCode } from '../errors.ts'

/**
 * What to do about an error, decided here and nowhere else.
 *
 * - `wait`: the world around the service is in trouble, the work is innocent: pause, try again, without end
 * - `decide-again`: something changed since it was recalled: recall and decide once more
 * - `let-go`: another instance owns the partition now: drop it
 * - `blame`: the work itself cannot be done: it is isolated and set aside
 */
export type RetryVerdict = 'wait' | 'decide-again' | 'let-go' | 'blame'

const verdicts: Partial<Record<TroupeErrorCode, RetryVerdict>> = {
  TROUPE_DATABASE_UNREACHABLE: 'wait',
  TROUPE_DATABASE_FULL: 'wait',
  TROUPE_KAFKA_UNREACHABLE: 'wait',
  TROUPE_REGISTRY_UNREACHABLE: 'wait',
  // Somebody is about to register it; the codec says when that has been believed for long enough.
  TROUPE_SCHEMA_AWAITED: 'wait',
  // A right that was taken away, or credentials that are being changed: the work is not to blame.
  TROUPE_ACCESS_DENIED: 'wait',
  TROUPE_CONFLICT: 'decide-again',
  TROUPE_FENCED: 'let-go',
  TROUPE_STOPPED: 'let-go',
}

/** Anything that is not listed is the work's own fault, whatever its class. */
export function retryVerdictOf(error: unknown): RetryVerdict {
  return (isTroupeError(error) && verdicts[error.code]) || 'blame'
}
