// Lets the ledger forget what it need not remember for ever: a portion now and then, never in the way of
// an event.
//
// | state   | tick                                                     |
// |---------|----------------------------------------------------------|
// | resting | once the rest is over: walking, from the beginning       |
// | walking | one portion of one kind; after the last one: resting     |
//
// A portion that fails is tried again with the next tick; that the database is away is said elsewhere.

import { type Forgettable, type Ledger, type Log, messageOf } from '@troupe/core'

export interface RetentionOptions {
  readonly ledger: Pick<Ledger, 'forget'>
  readonly log: Log
  /** Undefined: for ever. */
  readonly retentionMs: Readonly<Record<Forgettable, number | undefined>>
  /** Between two portions. */
  readonly everyMs: number
  /** Between two walks. */
  readonly restMs: number
  readonly onForgotten: (what: Forgettable, count: number) => void
}

export interface Retention {
  start(): void
  stop(): void
}

const kinds: readonly Forgettable[] = ['inbox', 'answers', 'performed', 'deadLetters', 'actions']

/** Creates it, resting. */
export function createRetention(options: RetentionOptions): Retention {
  const { ledger, log, retentionMs, everyMs, restMs, onForgotten } = options
  const due = kinds.flatMap((what) => {
    const olderThanMs = retentionMs[what]
    return olderThanMs === undefined ? [] : [{ what, olderThanMs }]
  })
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  let kind = 0
  let from: bigint | undefined

  /** Returns how long to wait. */
  async function tick(): Promise<number> {
    const { what, olderThanMs } = due[kind] ?? {}
    if (what === undefined || olderThanMs === undefined) return restMs
    try {
      const { forgotten, next } = await ledger.forget(what, olderThanMs, from)
      if (forgotten > 0) onForgotten(what, forgotten)
      from = next
    } catch (error) {
      log.debug({ what, err: error }, `could not forget what is old: ${messageOf(error)}`)
      return everyMs
    }
    if (from !== undefined) return everyMs
    kind = (kind + 1) % due.length
    return kind === 0 ? restMs : everyMs
  }

  function later(ms: number): void {
    if (isStopped || due.length === 0) return
    timer = setTimeout(() => void tick().then(later), ms).unref()
  }

  return {
    start() {
      if (timer === undefined) later(everyMs)
    },
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}
