import { type Log, messageOf, retryVerdictOf } from '@troupe/core'

/** What is said of looks that fail: once, until one works again. */
export interface LookTrouble {
  /** A look has worked. */
  over(): void
  /** A look has failed. That the database is away is said elsewhere. */
  tell(error: unknown): void
}

/** `what` could not be done, for the log: `fire deadlines that are due`. */
export function createLookTrouble(log: Log, what: string): LookTrouble {
  let isSaid = false
  return {
    over: () => void (isSaid = false),
    tell(error) {
      const level = isSaid || retryVerdictOf(error) === 'wait' ? 'debug' : 'warn'
      isSaid ||= level === 'warn'
      log[level]({ err: error }, `could not ${what}, and looks again: ${messageOf(error)}`)
    },
  }
}
