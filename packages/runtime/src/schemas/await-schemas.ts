import { isTroupeError, type Log, messageOf, pause } from '@troupe/core'
import { calledOff } from '../abort.ts'
import { delaysOf } from '../delays.ts'

export interface AwaitSchemasOptions {
  readonly log: Log
  /** What waits, for the log. */
  readonly facts: object
  /** Told when a wait begins, and when it ends. */
  readonly onWaiting?: ((isWaiting: boolean) => void) | undefined
}

const delays = { firstMs: 100, maxMs: 1_000 }

/**
 * Tries again as long as a schema is awaited. That is not the registry being away: one that was emptied
 * answers. When it has been waited for long enough is the codec's to say, by another error.
 *
 * @throws whatever else the attempt throws; TroupeError `TROUPE_STOPPED` once `signal` aborts
 */
export async function awaitSchemas<T>(
  doing: string,
  attempt: () => Promise<T>,
  signal: AbortSignal,
  { log, facts, onWaiting }: AwaitSchemasOptions,
): Promise<T> {
  const waits = delaysOf(delays)
  let isWaiting = false
  try {
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (!isTroupeError(error, 'TROUPE_SCHEMA_AWAITED')) throw error
        if (!isWaiting) {
          isWaiting = true
          onWaiting?.(true)
          log.warn({ ...facts, err: error }, `A partition waits for a schema: ${messageOf(error)}`)
        }
      }
      await pause(waits.nextMs(), signal)
      if (signal.aborted) throw calledOff(doing)
    }
  } finally {
    if (isWaiting) onWaiting?.(false)
  }
}
