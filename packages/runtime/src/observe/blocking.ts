import type { Log } from '@troupe/core'

/** Notices code of the user that keeps the whole process waiting. */
export interface Blocking {
  /** Runs it, and says which reaction it was if that took too long. */
  watch<Result>(reaction: string, run: () => Result): Result
}

export interface BlockingOptions {
  readonly log: Log
  /** A clock that never goes back, in milliseconds. */
  readonly clock: () => number
  /** Told each time, as long as it took. */
  readonly onBlocked: (reaction: string, seconds: number) => void
}

/** Nothing else happens in this time: no heartbeat, no answer, no other partition. */
const blockedAfterMs = 200
/** One line per reaction in this time: a reaction that is slow for every event is said once. */
const quietMs = 10_000

/**
 * While a reaction computes, heartbeats stop: beyond the session timeout its partitions go to another
 * instance, and whatever it then writes is refused. It cannot be interrupted, only named.
 */
export function createBlocking({ log, clock, onBlocked }: BlockingOptions): Blocking {
  const saidAt = new Map<string, number>()

  function say(reaction: string, tookMs: number, nowMs: number): void {
    onBlocked(reaction, tookMs / 1_000)
    const last = saidAt.get(reaction)
    if (last !== undefined && nowMs - last < quietMs) return
    saidAt.set(reaction, nowMs)
    log.warn(
      { reaction, tookMs: Math.round(tookMs) },
      `${reaction} blocked the process for ${Math.round(tookMs)} ms: no heartbeat is sent while it computes. Move the work out of the reaction, or into smaller events.`,
    )
  }

  return {
    watch(reaction, run) {
      const beganMs = clock()
      try {
        return run()
      } finally {
        const nowMs = clock()
        if (nowMs - beganMs >= blockedAfterMs) say(reaction, nowMs - beganMs, nowMs)
      }
    },
  }
}
