import type { CheckOptions } from './check.ts'
import { type Evidence, isAbandoned } from './evidence.ts'

/** Of all orders, however many were given up. */
const completedMinShare = 0.1

/** A run in which little succeeds proves little. */
export function* progress(
  { orders, events, eventsBySaga }: Evidence,
  { completedMin, givenUpMin = 0 }: CheckOptions,
): Generator<string> {
  const completed = events.filter(({ type }) => type === 'OrderCompleted').length
  const givenUp = [...eventsBySaga.values()].filter(isAbandoned).length
  const kept = orders.length === 0 ? 1 : 1 - givenUp / orders.length
  const needed = Math.max(completedMin * kept, Math.min(completedMin, completedMinShare * orders.length))
  if (completed < needed) {
    yield `${completed} orders were completed; with fewer than ${Math.ceil(needed)} the run proves nothing.`
  }
  if (givenUp < givenUpMin) {
    yield `${givenUp} orders were given up; with fewer than ${givenUpMin} the run proves nothing of silence.`
  }
}
