import { type Delivery, stepOf } from './delivery.ts'
import { onStepEvent, onUndoEvent, type StepVerdict } from './steps.ts'
import type { WorkingSet } from './working-set.ts'

/** What is to be done with a delivery: run its reaction, or record why it did not run, or nothing at all. */
export type Verdict = 'duplicate' | StepVerdict

/**
 * Decides whether a delivery's reaction runs, from what the ledger remembers and what the batch has
 * done so far. Ask in the moment its turn comes, not before: an earlier delivery may change the answer.
 */
export function admit(delivery: Delivery, set: WorkingSet): Verdict {
  if (set.hasSeen(delivery.event)) return 'duplicate'
  const name = stepOf(delivery)
  if (!name) return 'run'
  const state = set.step(name)?.state
  return delivery.bound.reaction.form === 'undo' ? onUndoEvent(state) : onStepEvent(state)
}
