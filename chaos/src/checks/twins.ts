import { type Evidence, nameOf, placeOf } from './evidence.ts'

/** An event that was published again says what it said the first time, in the same place. */
export function* twins({ duplicates, eventsById }: Evidence): Generator<string> {
  for (const again of duplicates) {
    const first = eventsById.get(nameOf(again))
    if (!first) continue
    const isSame =
      first.type === again.type &&
      first.key === again.key &&
      first.topic === again.topic &&
      first.partition === again.partition &&
      first.said === again.said
    if (!isSame)
      yield `${first.type} ${first.id} at ${placeOf(first)} was published again, otherwise, at ${placeOf(again)}.`
  }
}
