// Deadlines that are due become events: each once, whichever instance of the service looks first.
//
// Invariants
// 1. What is due is decided by the database, and so is who fires it: this process's clock only says when
//    to ask again.
// 2. A deadline is moved into the outbox and out of the deadlines in one transaction. From then on it is an
//    event that waits to be published like any other, behind what its service said of its key before.
// 3. What was moved and is in nobody's hands, because the answer was lost or the process died, lies in the lane
//    of commands: this loop drains that after a lost answer, the next owner of any partition after a death.
// 4. While Kafka is away nothing is fired: an answer that has not been heard yet may still lift it.
//
// | state   | tick                                                                       |
// |---------|----------------------------------------------------------------------------|
// | idle    | asks what is due; a page of it is published; then looks again when the next is due, within `everyMs` |
// | unsure  | the last answer was lost: drains the lane first, then as idle               |

import { commandLane, isTroupeError, messageOf, type PendingDeadlines } from '@troupe/core'
import { isDoneBefore } from './abort.ts'
import { publishLeftovers, type LeftoversOptions } from './leftovers.ts'
import { createLookTrouble } from './look-trouble.ts'
import { publishThrough } from './settle.ts'

export interface FiringOptions extends LeftoversOptions {
  /** How long it takes at most until what is due is found. */
  readonly everyMs: number
  /** How often deadlines are counted. */
  readonly countEveryMs: number
  /** Told how late each deadline was moved, by the database's clock. */
  readonly onFired: (lateMs: number) => void
  readonly onCounted: (pending: PendingDeadlines) => void
}

export interface Firing {
  start(): void
  /** Looks no more; resolves when what was being fired is in the relay's hands. */
  stop(): Promise<void>
}

/** However much is due, others want the database as well. */
const pauseMsMin = 10

/** Creates it, idle. */
export function createFiring(options: FiringOptions): Firing {
  const { ledger, relay, log, signal, everyMs, countEveryMs, onFired, onCounted } = options
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> = Promise.resolve()
  let isStopped = false
  let isUnsure = false
  const trouble = createLookTrouble(log, 'fire deadlines that are due')
  let countInMs = 0

  /** Returns how long to wait. */
  async function look(): Promise<number> {
    if (relay.state.problems.length > 0) return everyMs
    try {
      if (isUnsure) await publishLeftovers(commandLane, options)
      isUnsure = false
      const { records, nextMs = everyMs } = await ledger.fire()
      trouble.over()
      for (const { lateMs } of records) onFired(lateMs)
      if (records.length > 0) {
        log.debug({ events: records.length }, 'deadlines are due')
        await publishThrough(
          records.map(({ id }) => id),
          options,
        )
        await isDoneBefore(signal, relay.room())
      }
      return Math.min(everyMs, Math.max(pauseMsMin, Math.ceil(nextMs)))
    } catch (error) {
      trouble.tell(error)
      isUnsure ||= isTroupeError(error, 'TROUPE_DATABASE_UNREACHABLE')
      return everyMs
    }
  }

  async function count(afterMs: number): Promise<void> {
    countInMs -= afterMs
    if (countInMs > 0) return
    countInMs = countEveryMs
    try {
      onCounted(await ledger.pendingDeadlines())
    } catch (error) {
      log.debug({ err: error }, `could not count the deadlines: ${messageOf(error)}`)
    }
  }

  function later(ms: number): void {
    if (isStopped) return
    timer = setTimeout(() => {
      looking = look().then(async (nextMs) => {
        await count(ms)
        later(nextMs)
      })
    }, ms).unref()
  }

  return {
    start() {
      if (timer === undefined) later(0)
    },
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await looking
    },
  }
}
