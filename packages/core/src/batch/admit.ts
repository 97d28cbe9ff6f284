import { type Delivery, stepOf } from './delivery.ts'
import { keyNameOf } from '../event/key-name.ts'
import type { StepName } from '../ports.ts'
import { isSameEvent, type RawRecord } from '../event/record.ts'
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
 * @param isCalled whether its call to the outside has been begun, besides what the ledger knows of that
 */
export function admit(delivery: Delivery, set: WorkingSet): Exclude<Verdict, 'parked'>
export function admit(
  delivery: Delivery,
  set: WorkingSet,
  record: OfKey | undefined,
  isCalled?: boolean,
): Verdict
export function admit(delivery: Delivery, set: WorkingSet, record?: OfKey, isCalled = false): Verdict {
  if (set.hasSeen(delivery.event)) return 'duplicate'
  if (record && set.keys.isAnyParked && set.keys.isParked(keyNameOf(record))) return 'parked'
  const name = stepOf(delivery)
  if (!name) return 'run'
  const state = set.step(name)?.state
  return delivery.bound.reaction.form === 'undo'
    ? onUndoEvent(state)
    : onStepEvent(state, state === 'barred' && isInDoubt(delivery, name, set, isCalled))
}

/**
 * Whether it was this event's call that was begun: another one's is not made again by this one. Only with what
 * barred it can it be undone.
 */
function isInDoubt({ event }: Delivery, name: StepName, set: WorkingSet, isCalled: boolean): boolean {
  const { called, isUndoKept = false } = set.doubts.of(name) ?? {}
  return isUndoKept && (isCalled || isSameEvent(called, event))
}
