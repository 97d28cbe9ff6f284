import {
  type DocumentName,
  documentName,
  isTroupeError,
  type Ledger,
  type OutboxPage,
  type OutgoingRecord,
  pause,
  type PositionMove,
  type RecallRequest,
  type Recollection,
  retryVerdictOf,
  type Settlement,
  stepKey,
  TroupeError,
  workingSet,
  type WorkingSet,
} from '@troupe/core'
import type { Relay } from '@troupe/kafka'
import type { Dependencies } from '../service/dependencies.ts'
import type { KeptResults } from '../calls/kept-results.ts'
import type { Locks } from './locks.ts'
import { type OnStage, timed } from '../observe/stages.ts'
import type { Sweeper } from '../service/sweeper.ts'

export interface SettleOptions {
  readonly ledger: Ledger
  readonly relay: Relay
  readonly sweeper: Sweeper
  readonly locks: Locks
  readonly dependencies: Dependencies
  readonly signal: AbortSignal
  /** Told of what was written, once, as soon as it is known to be. */
  readonly onSettled?: (work: Work) => void
  readonly onStage?: OnStage
}

/** Of work that calls the outside. */
export interface CallingOptions {
  readonly callsOutside?: boolean
  readonly keptResults?: KeptResults
  /** Idempotency keys of calls whose events are not settled by what is in the set: their results are needed again. */
  readonly stillDue?: (set: WorkingSet) => readonly string[]
}

/** What is to be written; the ids of published records are added here. */
export type Work = Omit<Settlement, 'published'>

/** A settlement that changes nothing. */
export const nothing: Work = {
  position: undefined,
  inbox: [],
  documents: [],
  documentsRead: [],
  steps: [],
  answers: [],
  outbox: [],
  deadlines: [],
}

/** How often one batch is decided again because others changed what it had recalled. */
export const conflictsMax = 50
export const conflictPauseMsMax = 20

/** What {@link Decide} throws, where it may not wait, for what has to be waited for. */
export const mustWait = new Error('This work has to wait for the outside, and holds what others wait for.')

/**
 * Fills a working set. `mayWait` is false while others wait for its documents.
 *
 * @throws {@link mustWait} instead of calling the outside where it may not wait
 */
export type Decide = (set: WorkingSet, mayWait: boolean) => Promise<void> | void

/**
 * Recalls, lets `decide` fill a working set, and settles it: one read, one write. What was settled is
 * handed to the relay.
 *
 * Work that calls the outside is decided first without holding its documents, which others of this process
 * may want meanwhile. If one of them has, the work is decided again, now with its documents in hand and
 * with the outcomes of the calls that were made.
 *
 * Decides again, from the start, as long as others change what was recalled; waits as long as the
 * database is away; and finds out what became of a commit whose answer was lost.
 *
 * @param asked what to recall, or how to say so anew after so many conflicts
 * @throws TroupeError `TROUPE_FENCED`, `TROUPE_STOPPED`; whatever `decide` or the database objects to
 */
export async function recallAndSettle(
  asked: RecallRequest | ((conflicts: number) => RecallRequest),
  position: PositionMove | undefined,
  decide: Decide,
  options: SettleOptions & CallingOptions,
): Promise<void> {
  const { ledger, dependencies, locks, signal, onStage, callsOutside = false } = options
  let mayWait = callsOutside
  for (let conflicts = 0; ; ) {
    const request = typeof asked === 'function' ? asked(conflicts) : asked
    let release = mayWait ? undefined : await locks.acquire(lockNames(request), signal)
    try {
      const recalled = await timed('recall', onStage, () =>
        dependencies.insist('database', 'recall', () => ledger.recall(request), signal),
      )
      const set = workingSet(recalled)
      await timed('react', onStage, () => decide(set, mayWait))
      release ??= await locks.acquire(lockNames(request), signal)
      const settling = { position, ...set.writes() }
      const settleOnce = (work: Work) => settle(work, options)
      await timed('settle', onStage, () =>
        settleResults(settling, settleOnce, { request, recalled, set, options }),
      )
      return
    } catch (error) {
      const isDue = error === mustWait
      if (!isDue && (retryVerdictOf(error) !== 'decide-again' || conflicts++ >= conflictsMax)) throw error
      mayWait = isDue
    } finally {
      release?.()
    }
    // So that several processes on one document do not keep in step.
    if (conflicts > 1) await pause(Math.random() * conflictPauseMsMax, signal)
  }
}

/**
 * Settles, and lets the ledger forget those results of calls that this makes use of. Those of events that are
 * parked are kept: their calls are not made again.
 */
export async function settleResults(
  work: Work,
  settleOnce: (work: Work) => Promise<void>,
  {
    request: { performed: keys = [] },
    recalled,
    set,
    options,
  }: {
    readonly request: RecallRequest
    readonly recalled: Recollection
    readonly set: WorkingSet
    readonly options: CallingOptions
  },
): Promise<void> {
  const { keptResults } = options
  if (keys.length === 0 || !keptResults) return settleOnce(work)
  const due = new Set(work.parking ? options.stillDue?.(set) : undefined)
  const used = due.size === 0 ? keys : keys.filter((key) => !due.has(key))
  const written = await keptResults.hold(used)
  try {
    const performed = new Set([
      ...written,
      ...(recalled.performed ?? []).flatMap(({ idempotencyKey: key }) => (due.has(key) ? [] : [key])),
    ])
    await settleOnce(performed.size > 0 ? { ...work, performed: [...performed] } : work)
    keptResults.settled(used)
    // Whoever tries them again asks the ledger.
    keptResults.abandon([...due])
  } catch (error) {
    keptResults.release(used)
    throw error
  }
}

/**
 * Writes a settlement and hands its outbox to the relay, after whatever goes before it. The ids of
 * published records travel with it.
 *
 * @throws TroupeError `TROUPE_FENCED`, `TROUPE_CONFLICT`, `TROUPE_STOPPED`; whatever the database objects to
 */
export async function settle(work: Work, options: SettleOptions): Promise<void> {
  const { ledger, relay, sweeper, dependencies, signal } = options
  const published = relay.takePublished()
  if (published.length === 0 && isNothing(work)) return
  let isOutcomeUnknown = false

  /** Resolves to ids of records that must not be overtaken. */
  async function attempt(): Promise<readonly string[]> {
    if (isOutcomeUnknown && (await isWritten(work, options))) return idsOf(work)
    try {
      return (await ledger.settle({ ...work, published })).predecessors
    } catch (error) {
      if (isTroupeError(error, 'TROUPE_DATABASE_UNREACHABLE')) isOutcomeUnknown = true
      // The first attempt may have been on its way still when its fate was looked up, and have come first.
      else if (isOutcomeUnknown && isRefusal(error) && (await isWritten(work, options))) return idsOf(work)
      throw error
    }
  }

  let predecessors: readonly string[]
  try {
    predecessors = await dependencies.insist('database', 'settle', attempt, signal)
  } catch (error) {
    relay.restore(published)
    // The next write may be long in coming.
    if (published.length > 0) sweeper.touch()
    throw error
  }
  relay.confirmDeleted(published)
  await handOver(work, predecessors, options)
}

/** Tells of what was committed, and hands its outbox to the relay, after whatever goes before it. */
export async function handOver(
  work: Work,
  predecessors: readonly string[],
  options: SettleOptions,
): Promise<void> {
  const { relay, sweeper, onSettled } = options
  onSettled?.(work)
  if (work.outbox.length === 0) return
  await publishThrough(predecessors, options)
  relay.push(work.outbox)
  sweeper.touch()
}

/**
 * Sees to it that these records of the outbox are published, and before them all earlier ones of their
 * topics and keys, as far as this process does not have them in hand already. Other processes may be
 * publishing them, too: a duplicate is harmless, an overtaken event is not.
 *
 * @returns how many were taken over
 * @throws TroupeError `TROUPE_STOPPED` once `signal` aborts
 */
export async function publishThrough(
  ids: readonly string[],
  {
    ledger,
    relay,
    sweeper,
    dependencies,
    signal,
  }: Pick<SettleOptions, 'ledger' | 'relay' | 'sweeper' | 'dependencies' | 'signal'>,
): Promise<number> {
  const unheld = ids.filter((id) => !relay.holds(id))
  let taken = 0
  for (let after: bigint | undefined = 0n; unheld.length > 0 && after !== undefined; ) {
    const from: bigint = after
    const page: OutboxPage<OutgoingRecord> = await dependencies.insist(
      'database',
      'read the outbox',
      () => ledger.outgoing(unheld, from),
      signal,
    )
    const mine = page.found.filter(({ id }) => !relay.holds(id))
    relay.push(mine)
    taken += mine.length
    after = page.next
  }
  if (taken > 0) sweeper.touch()
  return taken
}

export function idsOf({ outbox }: Work): readonly string[] {
  return outbox.map(({ id }) => id)
}

/** Written by an earlier attempt, or by somebody else. */
export function isRefusal(error: unknown): boolean {
  return isTroupeError(error, 'TROUPE_FENCED') || isTroupeError(error, 'TROUPE_CONFLICT')
}

/**
 * Whether a settlement whose answer was lost has been committed: what it would have written tells. What
 * only deletes published records may be written twice.
 *
 * @throws TroupeError `TROUPE_FENCED` if another owner has the partition; `TROUPE_CONFLICT` where to decide
 *   again is to learn it: if all its commands are answered, by itself or by another instance, or if it tried
 *   again what was parked.
 */
async function isWritten(work: Work, options: SettleOptions): Promise<boolean> {
  const { position, answers } = work
  const { ledger } = options
  if (position) {
    const stored = await ledger.positionOf(position)
    if (!stored || stored.epoch !== position.epoch) refuseFenced(position)
    // What is tried again leaves the position where it is, which tells nothing: what is parked by now does.
    if (position.from === position.to) await publishAndRefuse(work, options)
    // Nobody else moves the position under this epoch.
    return stored.next === position.to
  }
  if (answers.length === 0) return false
  const { answers: stored } = await ledger.recall({ events: [], documents: [], steps: [], answers })
  if (stored.length < answers.length) return false
  return await publishAndRefuse(work, options)
}

/** What was committed, if it was, is published as the ledger has it: another instance may have said other events. */
async function publishAndRefuse(work: Work, options: SettleOptions): Promise<never> {
  await publishThrough(idsOf(work), options)
  throw new TroupeError(
    'TROUPE_CONFLICT',
    'The answer of a commit was lost. Recall and decide again to learn what is left to be done.',
  )
}

export function refuseFenced({ topic, partition, epoch, from, to }: PositionMove): never {
  throw new TroupeError(
    'TROUPE_FENCED',
    `${topic}[${partition}] has another owner now; its work goes on there.`,
    { details: { topic, partition, epoch, from: String(from), to: String(to) } },
  )
}

/** Where nothing is written, it does not matter what was read. */
function isNothing(work: Work): boolean {
  const { position, inbox, documents, steps, answers, outbox, deadlines, parking, doubts } = work
  return (
    !position &&
    !parking &&
    !doubts &&
    [inbox, documents, steps, answers, outbox, deadlines].every(({ length }) => length === 0)
  )
}

export function lockNames({ documents, steps }: RecallRequest): string[] {
  return [
    ...documents.map((name: DocumentName) => `document ${documentName(name)}`),
    ...steps.map((name) => `step ${stepKey(name)}`),
  ]
}
