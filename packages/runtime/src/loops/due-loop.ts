// Looks for what is due, as long as a service runs.
//
// | state    | the timer, or `wake`                             | stop     |
// |----------|--------------------------------------------------|----------|
// | waiting  | looking                                          | stopped  |
// | looking  | woken: looks again; else waits until the next is due, and no longer than `everyMs` | stopped, when the look has ended |
// | stopped  | nothing                                          | nothing  |
//
// Invariants
// 1. One look at a time.
// 2. After a look that failed it waits `everyMs`, woken or not: whoever is away is not asked without a pause.

import type { Log } from '@troupe/core'
import { createLookTrouble } from './look-trouble.ts'

export interface DueLoop {
  /** Looks for the first time at once. */
  start(): void
  /** Somebody knows that there is more: looks at once, or again when the look that is being made has ended. */
  wake(): void
  /** Looks no more; resolves when the look that is being made has ended. */
  stop(): Promise<void>
}

export interface DueLoopOptions {
  /** What it does, for the log: `look for what is due`. */
  readonly what: string
  /** Resolves to how long until something else is due, 0 or less if something is; undefined if that is not known. */
  readonly look: () => Promise<number | undefined>
  /** How long it waits at most. */
  readonly everyMs: number
  /** How long it waits at least, unless it is woken: what is due soon after each other is found together. Default: `everyMs`. */
  readonly restMs?: number
  readonly log: Log
}

/** Creates it, not started. */
export function createDueLoop({ what, look, everyMs, restMs = everyMs, log }: DueLoopOptions): DueLoop {
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined
  let isStopped = false
  let isWoken = false
  const trouble = createLookTrouble(log, what)

  async function once(): Promise<number> {
    isWoken = false
    try {
      const nextMs = (await look()) ?? everyMs
      trouble.over()
      return isWoken ? 0 : Math.min(everyMs, Math.max(restMs, Math.ceil(nextMs)))
    } catch (error) {
      trouble.tell(error)
      return everyMs
    }
  }

  function later(ms: number): void {
    if (isStopped) return
    timer = setTimeout(() => {
      looking = once().then((waitMs) => {
        looking = undefined
        later(waitMs)
      })
    }, ms).unref()
  }

  return {
    start() {
      if (timer === undefined) later(0)
    },
    wake() {
      if (looking) isWoken = true
      else if (timer !== undefined) {
        clearTimeout(timer)
        later(0)
      }
    },
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await looking
    },
  }
}
