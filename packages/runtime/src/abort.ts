import { messageOf, TroupeError } from '@troupe/core'
import { setMaxListeners } from 'node:events'

/** What is said of work that was given up because a signal aborted. */
export function calledOff(doing: string, cause?: unknown): TroupeError {
  const last = cause === undefined ? '' : ` The last attempt said: ${messageOf(cause)}`
  return new TroupeError(
    'TROUPE_STOPPED',
    `Gave up to ${doing}: the work was called off. It will be done after the next start.${last}`,
    cause === undefined ? {} : { cause },
  )
}

/**
 * Settles as the promise does, or rejects as soon as the signal aborts. The promise then goes on by
 * itself, and what comes of it is nobody's business any more.
 *
 * @throws what `because` makes
 */
export function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  because: () => unknown,
): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {})
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever the caller wants thrown
    return Promise.reject(because())
  }
  return new Promise((resolve, reject) => {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever the caller wants thrown
    const onAbort = () => reject(because())
    // Removed before anybody hears of the outcome: `because` must not run once that is decided.
    const decided = () => signal.removeEventListener('abort', onAbort)
    signal.addEventListener('abort', onAbort)
    promise.then(
      (value) => {
        decided()
        resolve(value)
      },
      (error: unknown) => {
        decided()
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever the promise was rejected with
        reject(error)
      },
    )
  })
}

/** True if the promise resolved before the signal aborted. Its error is the caller's. */
export async function isDoneBefore(signal: AbortSignal, promise: Promise<unknown>): Promise<boolean> {
  const late = Symbol('late')
  try {
    await unlessAborted(promise, signal, () => late)
    return true
  } catch (error) {
    if (error === late) return false
    throw error
  }
}

/** Aborted with any of its signals, until it is unlinked. */
export interface LinkedSignal {
  readonly signal: AbortSignal
  /** Lets go of the signals: one that lives for long would hold on to everything that was ever linked to it. */
  unlink(): void
}

/** Not `AbortSignal.any`, which holds on to its signals as long as the longest-lived of them. */
export function linked(...signals: readonly AbortSignal[]): LinkedSignal {
  const controller = new AbortController()
  const abort = () => controller.abort()
  for (const signal of signals) {
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
  }
  return {
    signal: shared(controller.signal),
    unlink() {
      for (const signal of signals) signal.removeEventListener('abort', abort)
    },
  }
}

/** Aborted with the signal or when the time is over, until it is unlinked. */
export function limited(signal: AbortSignal, ms: number): LinkedSignal {
  const controller = new AbortController()
  const abort = () => controller.abort()
  const timer = setTimeout(abort, ms)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  return {
    signal: shared(controller.signal),
    unlink() {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    },
  }
}

/** A signal that many listen to at one time, each as long as it works: their number is no sign of a leak. */
export function shared(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal)
  return signal
}
