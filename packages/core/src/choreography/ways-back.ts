// Which events say that a saga has failed, what may have been done by then, and how it is undone.
//
// What "may" means: read off declarations. Two events of one reaction are taken for alternatives, as reserved
// and out of stock are; what two services make of one event goes on side by side.
import type { Choreography, EventKey, Voice } from './choreography.ts'

/** An event by which a saga turns back, and who says it while all went well. */
export interface Failure {
  readonly event: EventKey
  readonly saidBy: Voice
}

/** The events after which a saga cannot complete any more, said by whoever was still on the way there. */
export function failuresIn(choreography: Choreography): readonly Failure[] {
  const isFailure = failureTest(choreography)
  return choreography.voices.flatMap((saidBy) => {
    const isOnTheWay = saidBy.form !== 'undo' && (saidBy.hears.length === 0 || !saidBy.hears.every(isFailure))
    return isOnTheWay ? saidBy.says.filter(isFailure).map((event) => ({ event, saidBy })) : []
  })
}

/** Tells whether an event leads to no completion, but to a cancellation or to an undo. */
export function failureTest(choreography: Choreography): (event: EventKey) => boolean {
  const { events, voices, endOf, follow, hearersOf } = choreography
  const hopeful = new Set([...events.keys()].filter((event) => endOf(event) === 'completed'))
  for (let before = -1; before < hopeful.size; ) {
    before = hopeful.size
    for (const { hears, says } of voices) {
      if (!says.some((event) => hopeful.has(event))) continue
      for (const event of hears) if (endOf(event) !== 'cancelled') hopeful.add(event)
    }
  }
  return (event) =>
    !hopeful.has(event) &&
    follow([event]).events.some(
      (next) => endOf(next) === 'cancelled' || hearersOf(next).some(({ form }) => form === 'undo'),
    )
}

/** Whether this event may come when the step was done, or the reaction has run. */
export function mayComeAfter(choreography: Choreography, voice: Voice, event: EventKey): boolean {
  const { follow, hearersOf, events, voices } = choreography
  const followed = voice.form === 'step' && voice.done !== undefined ? [voice.done] : voice.says
  if (follow(followed).has(event)) return true
  const hasRun = (first: Voice) => {
    const trail = follow(first.says)
    if (voice.form === 'step') return voice.done !== undefined && trail.has(voice.done)
    return first === voice || voice.hears.some((heard) => trail.has(heard))
  }
  const goOnBeside = (beside: readonly Voice[], isOneSaga: (one: Voice) => boolean) =>
    beside.some(
      (one) =>
        isOneSaga(one) &&
        hasRun(one) &&
        beside.some((other) => other !== one && follow(other.says).has(event)),
    )
  if ([...events.keys()].some((fork) => goOnBeside(hearersOf(fork), () => true))) return true
  const sources = voices.filter(({ hears }) => hears.length === 0)
  return goOnBeside(sources, (one) => meet(choreography, one, event))
}

/** Two beginnings are of one saga if somebody hears of both. */
function meet({ follow, hearersOf, voices }: Choreography, one: Voice, event: EventKey): boolean {
  const trail = follow(one.says)
  return follow([event])
    .events.flatMap(hearersOf)
    .some(({ form, hears, done }) => {
      if (form === 'undo')
        return voices.some(
          (step) => step.form === 'step' && step.done === done && done !== undefined && trail.has(done),
        )
      return hears.some((heard) => trail.has(heard))
    })
}

/** Whether the event never comes unless this other one has been said before. */
export function isAlwaysAfter({ follow, voices }: Choreography, event: EventKey, done: EventKey): boolean {
  const begins = voices.filter(({ hears }) => hears.length === 0).flatMap(({ says }) => says)
  return !follow(begins, { without: done }).has(event)
}
