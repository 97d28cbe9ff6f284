// Care for a partition whose owners die one after the other: the event that kills them must not do so for ever.
//
// | what the claim tells                                  | then                                              |
// |-------------------------------------------------------|---------------------------------------------------|
// | nothing                                               | nothing: no write, no look                        |
// | claimed three times in a row at one position          | its next events are handled alone                 |
// | claimed three times in a row                          | what is parked and due is tried alone             |
// | an owner died while it had something in hand alone    | the same, without waiting for a third time        |
//
// In a row: within minutes, and nobody had let go of it. A deployment lets go; `kill -9` does not.
//
// Invariants
// 1. What is handled alone has this process to itself, as far as its partitions are cautious; before, the ledger
//    notes it, and as soon as it is over, however it ended, takes that back. So a note that a claim finds is of an
//    event that was in hand when a process died.
// 2. Only an event that was noted so often in a row is not handled any more. It becomes a dead letter, undecoded.

import {
  type Ledger,
  type Log,
  logPlaceOf,
  messageOf,
  offsetName,
  type RawRecord,
  type TakenClaim,
  TroupeError,
} from '@troupe/core'
import type { Dependencies } from '../service/dependencies.ts'
import type { InTurn } from './one-at-a-time.ts'

type Suspected = Pick<RawRecord, 'offset' | 'life'>

/** From the topic, or parked and due. */
export type CautiousOf = 'batches' | 'parked'

export interface Caution {
  /** Whether the next event is to be handled alone. */
  isNeededFor(what: CautiousOf): boolean
  /**
   * Handles the event of this record alone. `lethal`: why it is not to be handled any more, only set aside.
   * @throws what handling it throws; TroupeError `TROUPE_FENCED`, `TROUPE_STOPPED`
   */
  alone(
    { what, record }: { readonly what: CautiousOf; readonly record: Suspected },
    signal: AbortSignal,
    handle: (lethal: TroupeError | undefined) => Promise<void>,
  ): Promise<void>
  /** The partition is let go of, alive. Never rejects. */
  release(): Promise<void>
}

export interface CautionOptions {
  readonly ledger: Pick<Ledger, 'suspect' | 'acquit'>
  readonly dependencies: Dependencies
  /** Aborted when what is under way has had its time. */
  readonly signal: AbortSignal
  /** The same for all partitions of a process. */
  readonly inTurn: InTurn
  readonly log: Log
}

const claimsMax = 2
/** An owner dies in the first chunk of what it took; see `batchMax` and `inHandMax`. */
const aloneMax = 500
/** How often a process may die of one event. */
const deathsMax = 3

export function createCaution(claim: TakenClaim, options: CautionOptions): Caution {
  const { topic, partition, epoch, next, life = 0, unrest } = claim
  const { ledger, dependencies, log } = options
  const held = { topic, partition, epoch }
  const left = { batches: 0, parked: 0 }
  if (unrest) {
    const { claims, claimsHere, suspect } = unrest
    const isAhead =
      suspect !== undefined && (next === undefined || suspect >= logPlaceOf({ offset: next, life }))
    if (claimsHere > claimsMax || isAhead) left.batches = aloneMax
    if (claims > claimsMax || (suspect !== undefined && !isAhead)) left.parked = aloneMax
    if (left.batches > 0 || left.parked > 0)
      log.warn(
        { ...held, claims, claimsHere, ...(suspect === undefined ? {} : { suspect: String(suspect) }) },
        'processes that had this partition have died one after the other: what comes next is handled one at a time, to find out whether an event kills them',
      )
  }

  async function suspected(record: Suspected, signal: AbortSignal): Promise<TroupeError | undefined> {
    const note = () => ledger.suspect(held, logPlaceOf(record))
    const times = await dependencies.insist('database', 'note what is handled alone', note, signal)
    if (times <= deathsMax) return undefined
    return new TroupeError(
      'TROUPE_EVENT_LETHAL',
      `The process died ${deathsMax} times while it handled this event and nothing else: it ran out of memory, for example, or was ended because it did not answer. Mend the reaction, or give the process more memory; then redrive the event.`,
      { details: { topic, partition, offset: offsetName(record) } },
    )
  }

  /** Of an event it is insisted on, as long as the service runs: what is left noted is taken for a death. */
  async function acquit(record: Suspected | undefined): Promise<void> {
    try {
      const note = () => ledger.acquit(held, record && logPlaceOf(record))
      if (!record) await note()
      else await dependencies.insist('database', 'note that it is over', note, options.signal)
    } catch (error) {
      log.debug({ ...held, err: error }, `could not take back what was noted: ${messageOf(error)}`)
    }
  }

  return {
    isNeededFor: (what) => left[what] > 0,
    alone: ({ what, record }, signal, handle) =>
      options.inTurn(async () => {
        const lethal = await suspected(record, signal)
        try {
          await handle(lethal)
          left[what] -= 1
        } finally {
          await acquit(record)
        }
      }),
    release: async () => (unrest ? acquit(undefined) : undefined),
  }
}
