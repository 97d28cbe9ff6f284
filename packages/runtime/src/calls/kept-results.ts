// What came of calls to the outside, on its way into the ledger: a call whose result is there is not made
// again, whatever becomes of this process.
//
// | a result is | came   | the write goes | the write has ended     | hold              | settled | release   |
// |-------------|--------|----------------|-------------------------|-------------------|---------|-----------|
// | unknown     | due    | -              | -                       | -                 | -       | -         |
// | due         | (same) | on its way     | -                       | held              | -       | -         |
// | on its way  | (same) | -              | kept; if it failed: due | waits for its end | -       | -         |
// | kept        | (same) | -              | -                       | held              | -       | -         |
// | held        | (same) | -              | -                       | (same)            | unknown | as it was |
//
// `abandon`: nobody here will settle it, or it is needed again since its event was parked. What is kept is unknown from now on, what is due once it is kept.
//
// Invariants
// 1. A result that is not settled `afterMs` after it came is written, together with all others that are due
//    by then. One write is under way at a time. So a batch that ends soon costs no write: its settlement says
//    it all.
// 2. What a settlement holds is not written any more, and `hold` tells it which of its results may be: no row
//    is written after its settlement.
// 3. As many results are in here as there are events in hand that were called for and are not settled, and
//    those of partitions that were lost while the database was away.

import {
  isTroupeError,
  type Ledger,
  type Log,
  messageOf,
  retryVerdictOf,
  type StoredResult,
} from '@troupe/core'
import { delaysOf } from '../delays.ts'

export interface KeptResults {
  /** Told of what a call came to; harmless when told again. */
  came(result: StoredResult): void
  /** A settlement of these is about to be written. Resolves to those of them that may be in the ledger. */
  hold(keys: readonly string[]): Promise<readonly string[]>
  /** It was written. */
  settled(keys: readonly string[]): void
  /** It was not. */
  release(keys: readonly string[]): void
  /** This process will not settle them: what is not written yet still is. */
  abandon(keys: readonly string[]): void
  /** Writes what is due, and nothing after that. */
  stop(): Promise<void>
}

export interface KeptResultsOptions {
  readonly ledger: Pick<Ledger, 'keepPerformed'>
  readonly log: Log
  /** How long a result waits for its settlement before it is written. */
  readonly afterMs: number
}

interface Kept {
  readonly result: StoredResult
  state: 'due' | 'on its way' | 'kept' | 'held'
  /** What it was before it was held. */
  before: 'due' | 'kept'
  isAbandoned: boolean
  /** A write that failed may have been done all the same. */
  mayBeWritten: boolean
}

const retryDelays = { firstMs: 50, maxMs: 2_000 }

export function createKeptResults({ ledger, log, afterMs }: KeptResultsOptions): KeptResults {
  const all = new Map<string, Kept>()
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let waits = delaysOf(retryDelays)
  let isStopped = false

  const due = () => [...all.values()].filter(({ state }) => state === 'due')

  function schedule(ms: number): void {
    if (isStopped || writing) return
    timer ??= setTimeout(() => {
      timer = undefined
      void write()
    }, ms).unref()
  }

  function write(): Promise<void> {
    writing ??= writeDue().then((nextMs) => {
      writing = undefined
      if (due().length > 0) schedule(nextMs)
    })
    return writing
  }

  /** Resolves to how long to wait before the next one. */
  async function writeDue(): Promise<number> {
    const batch = due()
    if (batch.length === 0) return afterMs
    for (const one of batch) {
      one.state = 'on its way'
      one.mayBeWritten = true
    }
    try {
      await ledger.keepPerformed(batch.map(({ result }) => result))
      for (const one of batch) wasKept(one)
      waits = delaysOf(retryDelays)
      return afterMs
    } catch (error) {
      const isPassing = retryVerdictOf(error) === 'wait'
      // That the database is away is said elsewhere. What it will never take is in memory still.
      if (!isPassing && !isTroupeError(error, 'TROUPE_STOPPED'))
        log.warn({ results: batch.length, err: error }, `results of calls are not kept: ${messageOf(error)}`)
      for (const one of batch) {
        if (isPassing) one.state = 'due'
        else wasKept(one)
      }
      return waits.nextMs()
    }
  }

  function wasKept(one: Kept): void {
    one.state = 'kept'
    if (one.isAbandoned) all.delete(one.result.idempotencyKey)
  }

  return {
    came(result) {
      if (all.has(result.idempotencyKey)) return
      all.set(result.idempotencyKey, {
        result,
        state: 'due',
        before: 'due',
        isAbandoned: false,
        mayBeWritten: false,
      })
      schedule(afterMs)
    },
    async hold(keys) {
      const mine = keys.flatMap((key) => all.get(key) ?? [])
      if (mine.some(({ state }) => state === 'on its way')) await writing
      for (const one of mine) {
        if (one.state === 'held' || one.state === 'on its way') continue
        one.before = one.state
        one.state = 'held'
      }
      return mine.filter(({ mayBeWritten }) => mayBeWritten).map(({ result }) => result.idempotencyKey)
    },
    settled(keys) {
      for (const key of keys) all.delete(key)
    },
    release(keys) {
      for (const key of keys) {
        const one = all.get(key)
        if (one?.state === 'held') one.state = one.before
      }
      if (due().length > 0) schedule(afterMs)
    },
    abandon(keys) {
      for (const key of keys) {
        const one = all.get(key)
        if (!one) continue
        one.isAbandoned = true
        if (one.state === 'kept') all.delete(key)
      }
    },
    async stop() {
      isStopped = true
      clearTimeout(timer)
      timer = undefined
      await writing
      await write()
    },
  }
}
