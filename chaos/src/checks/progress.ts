import { expectations } from '@troupe/cli'
import type { CheckOptions } from './check.ts'
import { countOf, type Evidence, isAbandoned } from './evidence.ts'

/** Of the orders that nothing stood in the way of. */
const completedMinShare = 0.5

/**
 * A run in which little succeeds proves little. Held against it are the orders that were meant to be completed and
 * that nobody gave up: how many these are is the machine's business, since on a slow one more deadlines are met.
 */
export function* progress(
  { orders, eventsBySaga }: Evidence,
  { givenUpMin = 0 }: CheckOptions,
): Generator<string> {
  const sagas = orders.flatMap(({ kind, answers: [id] }) =>
    expectations[kind].outcome === 'completed' && id !== undefined ? [eventsBySaga.get(id)] : [],
  )
  const waitedFor = sagas.filter((events) => !isAbandoned(events))
  const completed = waitedFor.filter((events) => countOf(events, 'OrderCompleted') > 0).length
  // Where all of them were given up, nobody knows whether anything could have been completed.
  const needed = sagas.length === 0 ? 0 : Math.max(1, Math.ceil(waitedFor.length * completedMinShare))
  if (completed < needed) {
    yield `${completed} orders were completed, of ${sagas.length} that were to be and ${waitedFor.length} of these that nobody gave up; with fewer than ${needed} the run proves nothing.`
  }
  const givenUp = [...eventsBySaga.values()].filter(isAbandoned).length
  if (givenUp < givenUpMin) {
    yield `${givenUp} orders were given up; with fewer than ${givenUpMin} the run proves nothing of silence.`
  }
}
