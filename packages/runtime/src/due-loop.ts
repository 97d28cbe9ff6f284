// Looks for what is due, as long as a service runs.
//
// | state    | the timer, or `wake`                             | stop     |
// |----------|--------------------------------------------------|----------|
// | waiting  | looking                                          | stopped  |
// | looking  | found more, or woken: looks again; else: waits   | stopped, when the look has ended |
// | stopped  | nothing                                          | nothing  |

import type { Log } from '@troupe/core'
import { createLookTrouble } from './look-trouble.ts'

export interface DueLoop {
  start(): void
  /** Somebody knows that there is more: looks at once, or again when the look that is being made has ended. */
  wake(): void
  stop(): void
}

export interface DueLoopOptions {
  /** Resolves to true if there may be more at once. */
  readonly look: () => Promise<boolean>
  readonly everyMs: number
  readonly log: Log
}

/** Creates it, not started. A look that fails is made again when it is time. */
export function createDueLoop({ look, everyMs, log }: DueLoopOptions): DueLoop {
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  const trouble = createLookTrouble(log, 'look for what is due')
  let isLooking = false
  let isWoken = false

  async function once(): Promise<void> {
    let isMore = false
    isLooking = true
    isWoken = false
    try {
      isMore = await look()
      trouble.over()
    } catch (error) {
      trouble.tell(error)
    }
    isLooking = false
    later(isMore || isWoken ? 0 : everyMs)
  }

  function later(ms: number): void {
    if (!isStopped) timer = setTimeout(() => void once(), ms).unref()
  }

  return {
    start() {
      if (timer === undefined) later(everyMs)
    },
    wake() {
      if (isLooking) isWoken = true
      else if (timer !== undefined) {
        clearTimeout(timer)
        later(0)
      }
    },
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}
