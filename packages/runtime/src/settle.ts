import {
  type DocumentName,
  documentName,
  isTroupeError,
  type Ledger,
  type PositionMove,
  type Recollection,
  type RecallRequest,
  retryVerdictOf,
  type Settlement,
  stepKey,
  TroupeError,
  workingSet,
  type WorkingSet,
} from '@troupe/core'
import type { Relay } from '@troupe/kafka'
import type { Dependencies } from './dependencies.ts'
import type { Locks } from './locks.ts'
import type { Sweeper } from './sweeper.ts'

export interface SettleOptions {
  readonly ledger: Ledger
  readonly relay: Relay
  readonly sweeper: Sweeper
  readonly locks: Locks
  readonly dependencies: Dependencies
  readonly signal: AbortSignal
}

/** How often one batch is decided again because others changed what it had recalled. */
const conflictsMax = 50

/**
 * Recalls, lets `decide` fill a working set, and settles it: one read, one write. What was settled is
 * handed to the relay.
 *
 * Decides again, from the start, as long as others change what was recalled; waits as long as the
 * database is away; and finds out what became of a commit whose answer was lost.
 *
 * @throws TroupeError `TROUPE_FENCED`, `TROUPE_STOPPED`; whatever `decide` or the database objects to
 */
export async function recallAndSettle(
  request: RecallRequest,
  position: PositionMove | undefined,
  decide: (set: WorkingSet) => Promise<void> | void,
  options: SettleOptions,
): Promise<void> {
  const { ledger, dependencies, locks, signal } = options
  for (let conflicts = 0; ; conflicts++) {
    const release = await locks.acquire(lockNames(request))
    try {
      const recalled: Recollection = await dependencies.insist(
        'database',
        'recall',
        () => ledger.recall(request),
        signal,
      )
      const set = workingSet(recalled)
      await decide(set)
      await settle({ position, ...set.writes() }, options)
      return
    } catch (error) {
      if (retryVerdictOf(error) !== 'decide-again' || conflicts >= conflictsMax) throw error
    } finally {
      release()
    }
  }
}

/** Writes a settlement and hands its outbox to the relay. The ids of published records travel with it. */
export async function settle(work: Omit<Settlement, 'published'>, options: SettleOptions): Promise<void> {
  const { ledger, relay, sweeper, dependencies, signal } = options
  const published = relay.takePublished()
  if (published.length === 0 && isNothing(work)) return
  let isOutcomeUnknown = false
  try {
    await dependencies.insist(
      'database',
      'settle',
      async () => {
        if (isOutcomeUnknown && (await wasSettled(work, ledger))) return
        try {
          await ledger.settle({ ...work, published })
        } catch (error) {
          if (isTroupeError(error, 'TROUPE_DATABASE_UNREACHABLE')) isOutcomeUnknown = true
          throw error
        }
      },
      signal,
    )
  } catch (error) {
    relay.restore(published)
    throw error
  }
  relay.confirmDeleted(published)
  if (work.outbox.length === 0) return
  relay.push(work.outbox)
  sweeper.touch()
}

/** Whether a settlement whose answer was lost has been committed: what it would have written tells. */
async function wasSettled(work: Omit<Settlement, 'published'>, ledger: Ledger): Promise<boolean> {
  const { position, answers } = work
  if (position) {
    const stored = await ledger.positionOf(position)
    if (!stored || stored.epoch !== position.epoch) {
      throw new TroupeError(
        'TROUPE_FENCED',
        `${position.topic}[${position.partition}] has another owner now; its work goes on there.`,
        {
          details: { ...position, from: String(position.from), to: String(position.to) },
        },
      )
    }
    return stored.next === position.to
  }
  if (answers.length === 0) return false
  const { answers: stored } = await ledger.recall({ events: [], documents: [], steps: [], answers })
  return stored.length === answers.length
}

function isNothing({
  position,
  inbox,
  documents,
  steps,
  answers,
  outbox,
}: Omit<Settlement, 'published'>): boolean {
  return !position && [inbox, documents, steps, answers, outbox].every(({ length }) => length === 0)
}

function lockNames({ documents, steps }: RecallRequest): string[] {
  return [
    ...documents.map((name: DocumentName) => `document ${documentName(name)}`),
    ...steps.map((name) => `step ${stepKey(name)}`),
  ]
}
