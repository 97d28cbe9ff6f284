// Steps that call the outside, and may have been done although nobody knows it: what is remembered of them, so that
// neither a call nor an undo is lost. See core's `doubt.ts` for what is kept, and `steps.ts` for what follows.

import {
  callingStepOf,
  type Changes,
  type Delivery,
  type DoubtChange,
  isSameEvent,
  type WorkingSet,
} from '@troupe/core'
import type { DecideOptions, Turn } from './decide.ts'
import { factsOf } from './decode.ts'
import type { Outcomes } from '../calls/perform.ts'
import { asideOf, placeOf } from '../aside/set-aside.ts'

/** Whether this process has begun the delivery's call. */
export function isCalledHere(delivery: Delivery, outcomes: Outcomes): boolean {
  if (!delivery.bound.reaction.perform) return false
  const outcome = outcomes.get(delivery)
  return outcome !== undefined && (outcome.form === 'done' || outcome.isCalled)
}

/** What sets a delivery aside, and says that its call was begun if it was. */
export function settingAside(changes: Changes, delivery: Delivery, outcomes: Outcomes): Changes {
  const step = delivery.bound.reaction.form === 'undo' ? undefined : callingStepOf(delivery)
  if (!step || !isCalledHere(delivery, outcomes)) return changes
  const { source, id } = delivery.event
  return withDoubt(changes, {
    form: 'called',
    step: { saga: step.saga, step: step.step, event: { source, id } },
  })
}

/** What was done about a delivery: if the doubt was about it, there is none any more. */
export function ending(changes: Changes, delivery: Delivery, set: WorkingSet): Changes {
  const step = delivery.bound.reaction.form === 'undo' ? undefined : callingStepOf(delivery)
  const doubt = step && set.doubts.of(step)
  if (!doubt) return changes
  const isDoneAfterAll = changes.step?.state === 'done' && set.step(step)?.state === 'barred'
  if (isDoneAfterAll) return withDoubt(changes, { form: 'undone', step })
  const isAboutAnother = doubt.called && !isSameEvent(doubt.called, delivery.event)
  return isAboutAnother ? changes : withDoubt(changes, { form: 'settled', step })
}

/** What bars a step: what called for its undo is kept, in case that the step is done after all. */
export function barring(
  changes: Changes,
  { heard, span }: Turn,
  delivery: Delivery,
  { set, sparingLog }: { readonly set: WorkingSet } & Pick<DecideOptions, 'sparingLog'>,
): Changes {
  const step = callingStepOf(delivery)
  if (!step) return changes
  const { record } = heard
  const { event } = asideOf(record, delivery)
  const isInDoubt = set.doubts.of(step)?.called !== undefined
  if (isInDoubt) {
    sparingLog.say(
      'warn',
      `in doubt, ${step.step}`,
      { ...factsOf(heard, span?.traceId), reaction: delivery.bound.name, inDoubt: step.step },
      `${delivery.bound.name} is called for while nobody knows whether there is something to undo: a call was made, and its event is set aside. It waits for that event; if it is a dead letter, redrive it.`,
    )
  }
  return withDoubt(changes, {
    form: 'barred',
    undo: { saga: step.saga, step: step.step, record, event, place: placeOf(record), isInDoubt },
  })
}

function withDoubt(changes: Changes, doubt: DoubtChange): Changes {
  return { ...changes, doubt }
}
