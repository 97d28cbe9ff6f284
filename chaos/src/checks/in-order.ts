import { type Evidence, nameOf, placeOf } from './evidence.ts'
import type { PublishedRecord } from './facts.ts'

/**
 * After duplicates are left out, the events of one key lie in their topic in the order in which they came
 * about: none before one that led to it, and all in one partition.
 */
export function* inOrder({ eventsBySaga, eventsById }: Evidence): Generator<string> {
  for (const events of eventsBySaga.values()) {
    for (const event of events) {
      for (const earlier of leadingTo(event, events)) {
        if (earlier.topic !== event.topic || earlier.key !== event.key) continue
        // Where the first copy of each lies: what comes later is a duplicate.
        const [first, second] = [eventsById.get(nameOf(earlier)), eventsById.get(nameOf(event))]
        if (!first || !second) continue
        if (first.partition !== second.partition) {
          yield `${first.type} and ${second.type} of key ${event.key} are at ${placeOf(first)} and ${placeOf(second)}.`
        } else if (first.offset > second.offset) {
          yield `${second.type} at ${placeOf(second)} comes before ${first.type} at ${placeOf(first)}, which led to it.`
        }
      }
    }
  }
}

function* leadingTo(event: PublishedRecord, events: readonly PublishedRecord[]): Generator<PublishedRecord> {
  const seen = new Set<string>()
  let at: PublishedRecord | undefined = event
  while (at?.causationId !== undefined && !seen.has(at.id)) {
    seen.add(at.id)
    const cause: string = at.causationId
    at = events.find(({ id }) => id === cause)
    if (at) yield at
  }
}
