import { type Delivery, stepOf } from './delivery.ts'
import { keyNameOf } from './key-name.ts'
import type { RawRecord } from './record.ts'
import { onStepEvent, onUndoEvent, type StepVerdict } from './steps.ts'
import type { WorkingSet } from './working-set.ts'

/**
 * What is to be done with a delivery: run its reaction, or record why it did not run, or put it behind what is
 * parked of its key, or nothing at all.
 */
export type Verdict = 'duplicate' | 'parked' | StepVerdict

type OfKey = Pick<RawRecord, 'key' | 'offset' | 'life'>

/**
 * Decides whether a delivery's reaction runs, from what the ledger remembers and what the batch has
 * done so far. Ask in the moment its turn comes, not before: an earlier delivery may change the answer.
 *
 * @param record what it came in; without one nothing is parked
 */
export function admit(delivery: Delivery, set: WorkingSet): Exclude<Verdict, 'parked'>
export function admit(delivery: Delivery, set: WorkingSet, record: OfKey): Verdict
export function admit(delivery: Delivery, set: WorkingSet, record?: OfKey): Verdict {
  if (set.hasSeen(delivery.event)) return 'duplicate'
  if (record && set.keys.isAnyParked && set.keys.isParked(keyNameOf(record))) return 'parked'
  const name = stepOf(delivery)
  if (!name) return 'run'
  const state = set.step(name)?.state
  return delivery.bound.reaction.form === 'undo' ? onUndoEvent(state) : onStepEvent(state)
}
