// Work with reactions that decide in SQL: their transaction is the one that settles.
//
// Invariants
// 1. What is done in SQL for an event commits with its settlement or not at all, and is not begun before the event
//    was admitted. A transaction that is lost, refused or spoilt is begun anew, from the recall on.
// 2. An event that fails is run once in each taking-up. The first failure of a batch costs it everything that it
//    has done so far; from then on each event is guarded, so that others that fail cost no more than themselves.
// 3. What became of a commit whose answer was lost is known before its work counts as done, and before anything
//    that is decided in its place can be committed: the stored position lets one of the two through.
// 4. No transaction is open while a call to the outside is made.

import {
  type Delivery,
  isTroupeError,
  pause,
  type PositionMove,
  type RecallRequest,
  retryVerdictOf,
  type Sql,
  type Tables,
  type TableTransaction,
  type UnitOutcome,
  workingSet,
  type WorkingSet,
} from '@troupe/core'
import { calledOff } from '../abort.ts'
import {
  type CallingOptions,
  conflictPauseMsMax,
  conflictsMax,
  handOver,
  idsOf,
  isRefusal,
  lockNames,
  publishThrough,
  refuseFenced,
  settle,
  type SettleOptions,
  settleResults,
  type Work,
} from './settle.ts'
import { timed } from '../observe/stages.ts'

/** The tables of a service that has some. */
export interface TablesInUse {
  readonly tables: Pick<Tables, 'open'>
  /** How long one event's `transact` may take. */
  readonly timeoutMs: number
}

/** Runs what reactions do in SQL, in the transaction at hand. */
export interface Transacting {
  /** @throws whatever else than the event itself is in its way */
  run<Result>(
    delivery: Delivery,
    work: (tables: { readonly sql: Sql; readonly signal: AbortSignal }) => Promise<Result>,
  ): Promise<UnitOutcome<Result>>
}

/** An event whose own statements meet others that are faster, or wait for their locks, so often in a row has failed. */
const ownConflictsMax = 5

/** Thrown where an event has failed and has taken the transaction with it: what failed is known the next time. */
const startOver = new Error('An event has failed; the others are decided on again, in another transaction.')

type TransactOptions = SettleOptions & CallingOptions & { readonly inTables: TablesInUse }

/**
 * As `recallAndSettle`, for work some of which is decided in SQL: what it recalls is decided on within the
 * transaction that settles it. Makes no calls to the outside.
 *
 * @throws as `recallAndSettle` does
 */
export async function recallAndTransact(
  asked: (conflicts: number) => RecallRequest,
  position: PositionMove,
  decide: (set: WorkingSet, transacting: Transacting) => Promise<void>,
  options: TransactOptions,
): Promise<void> {
  const { dependencies, locks, signal } = options
  const units = createUnits(options)
  const doubts: Work[] = []
  for (let conflicts = 0; ; ) {
    const request = asked(conflicts)
    const release = await locks.acquire(lockNames(request), signal)
    try {
      const attempt = () => transactOnce({ request, position, decide, units, doubts }, options)
      await dependencies.insist('database', 'decide in SQL', attempt, signal, {
        isFatal: (error) => !isOfDatabase(error),
      })
      return
    } catch (error) {
      if (error === startOver) units.guard()
      else if (retryVerdictOf(error) !== 'decide-again' || conflicts++ >= conflictsMax) throw error
    } finally {
      release()
    }
    if (conflicts > 1) await pause(Math.random() * conflictPauseMsMax, signal)
  }
}

interface Attempt {
  readonly request: RecallRequest
  readonly position: PositionMove
  readonly decide: (set: WorkingSet, transacting: Transacting) => Promise<void>
  readonly units: Units
  /** What may have been committed, although nobody said so. */
  readonly doubts: Work[]
}

async function transactOnce(
  { request, position, decide, units, doubts }: Attempt,
  options: TransactOptions,
): Promise<void> {
  const { ledger, inTables, onStage, signal } = options
  if (await isCommitted(doubts, position, options)) return
  const recalled = await timed('recall', onStage, () => ledger.recall(request))
  const set = workingSet(recalled)
  const transaction = inTables.tables.open()
  try {
    await timed('transact', onStage, () => decide(set, units.on(transaction)))
    // Somebody gave up waiting for it: whoever has the partition now decides.
    if (signal.aborted) throw calledOff('decide in SQL')
    const settleOnce = (work: Work) =>
      transaction.state === 'new' ? settle(work, options) : commit(transaction, work, doubts, options)
    const work = { position, ...set.writes() }
    await timed('settle', onStage, () => settleResults(work, settleOnce, { request, recalled, set, options }))
  } catch (error) {
    // It was on its way still when its fate was looked up, and has come first.
    if (isRefusal(error) && (await isCommitted(doubts, position, options))) return
    throw error
  } finally {
    await transaction.end()
  }
}

async function commit(
  transaction: TableTransaction,
  work: Work,
  doubts: Work[],
  options: TransactOptions,
): Promise<void> {
  const { relay, sweeper } = options
  const published = relay.takePublished()
  let predecessors: readonly string[]
  try {
    predecessors = (await transaction.settle({ ...work, published })).predecessors
  } catch (error) {
    relay.restore(published)
    // The next write may be long in coming.
    if (published.length > 0) sweeper.touch()
    if (isTroupeError(error, 'TROUPE_DATABASE_UNREACHABLE')) doubts.push(work)
    throw error
  }
  relay.confirmDeleted(published)
  await handOver(work, predecessors, options)
}

/**
 * Whether one of the commits whose answers were lost was made. Nobody else moves the position under this epoch.
 *
 * @throws TroupeError `TROUPE_FENCED` if another owner has the partition
 */
async function isCommitted(
  doubts: readonly Work[],
  position: PositionMove,
  options: TransactOptions,
): Promise<boolean> {
  if (doubts.length === 0) return false
  const stored = await options.ledger.positionOf(position)
  if (!stored || stored.epoch !== position.epoch) refuseFenced(position)
  const isRetry = position.from === position.to
  if (!isRetry && stored.next !== position.to) return false
  // As the ledger has it: of several attempts only one was committed, and they may have said other events.
  await publishThrough(doubts.flatMap(idsOf), options)
  // What is tried again leaves the position where it is: the inbox tells, when it is recalled.
  if (isRetry) return false
  for (const work of doubts) await handOver({ ...work, outbox: [] }, [], options)
  return true
}

type Units = ReturnType<typeof createUnits>

/** What is known of single events, however often their batch is decided again. */
function createUnits({ inTables: { timeoutMs }, signal }: TransactOptions) {
  const failures = new WeakMap<Delivery, { readonly error: unknown }>()
  const conflicts = new WeakMap<Delivery, number>()
  let isGuarded = false

  /** Too many of them count as the event's own failure. */
  function meetConflict(delivery: Delivery, error: unknown): unknown {
    const met = (conflicts.get(delivery) ?? 0) + 1
    conflicts.set(delivery, met)
    if (met < ownConflictsMax) return error
    failures.set(delivery, { error })
    return startOver
  }

  return {
    guard: () => void (isGuarded = true),
    on: (transaction: TableTransaction): Transacting => ({
      async run(delivery, work) {
        const failed = failures.get(delivery)
        if (failed) return { isDone: false, error: failed.error }
        const { name } = delivery.bound
        const how = { name, isGuarded, timeoutMs, signal }
        const outcome = await transaction
          .unit((sql, ending) => work({ sql, signal: ending }), how)
          .catch((error: unknown) => {
            throw isTroupeError(error, 'TROUPE_CONFLICT') ? meetConflict(delivery, error) : error
          })
        if (outcome.isDone) return outcome
        // A schema that is not registered yet is not the event's fault.
        if (isTroupeError(outcome.error, 'TROUPE_SCHEMA_AWAITED')) throw outcome.error
        failures.set(delivery, { error: outcome.error })
        if (transaction.state !== 'open') throw startOver
        return outcome
      },
    }),
  }
}

function isOfDatabase(error: unknown): boolean {
  return (
    isTroupeError(error, 'TROUPE_DATABASE_UNREACHABLE') ||
    isTroupeError(error, 'TROUPE_DATABASE_FULL') ||
    isTroupeError(error, 'TROUPE_ACCESS_DENIED')
  )
}
