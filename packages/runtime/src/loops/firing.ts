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
// | state   | a look                                                                     |
// |---------|----------------------------------------------------------------------------|
// | sure    | asks what is due; a page of it is published                                |
// | unsure  | the last answer was lost: drains the lane first, then as sure              |

import { commandLane, isTroupeError, type PendingDeadlines } from '@troupe/core'
import { isDoneBefore } from '../abort.ts'
import { createDueLoop } from './due-loop.ts'
import { publishLeftovers, type LeftoversOptions } from '../batch/leftovers.ts'
import { publishThrough } from '../batch/settle.ts'

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
const restMs = 10

/** Creates it, idle. */
export function createFiring(options: FiringOptions): Firing {
  const { ledger, relay, log, signal, everyMs, countEveryMs, onFired, onCounted } = options
  let isUnsure = false

  async function fire(): Promise<number | undefined> {
    if (relay.state.problems.length > 0) return undefined
    try {
      if (isUnsure) await publishLeftovers(commandLane, options)
      isUnsure = false
      const { records, nextMs } = await ledger.fire()
      for (const { lateMs } of records) onFired(lateMs)
      if (records.length > 0) {
        log.debug({ events: records.length }, 'deadlines are due')
        await publishThrough(
          records.map(({ id }) => id),
          options,
        )
        await isDoneBefore(signal, relay.room())
      }
      return nextMs
    } catch (error) {
      isUnsure ||= isTroupeError(error, 'TROUPE_DATABASE_UNREACHABLE')
      throw error
    }
  }

  async function count(): Promise<undefined> {
    onCounted(await ledger.pendingDeadlines())
    return undefined
  }

  const loops = [
    createDueLoop({ what: 'fire deadlines that are due', look: fire, everyMs, restMs, log }),
    createDueLoop({ what: 'count the deadlines', look: count, everyMs: countEveryMs, log }),
  ]
  return {
    start() {
      for (const loop of loops) loop.start()
    },
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()))
    },
  }
}
