import type { Event } from '@troupe/core'

/** An event as the observer saw it pass. */
export interface SeenEvent {
  readonly event: Event
  /** When it was read from Kafka, on the clock of `performance.now()`. */
  readonly seenAtMs: number
  /** True if it was there before the observer was: of an earlier run on the same data. */
  readonly isHistory: boolean
}

/** One run through the choreography, as far as it was seen. */
export interface Saga {
  readonly id: string
  /** Each event once, in the order in which they were seen. */
  readonly events: readonly SeenEvent[]
}

export type SagaOutcome = 'completed' | 'cancelled'

/** The event types with which a saga ends, and what they make of it. */
export const ends: ReadonlyMap<string, SagaOutcome> = new Map([
  ['OrderCompleted', 'completed'],
  ['OrderCancelled', 'cancelled'],
])

/**
 * The events of a saga, each after the one that caused it, whatever the order in which they were seen:
 * topics are read beside each other. Events with a cause that was not seen stand at the end.
 */
export function inCausalOrder(events: readonly SeenEvent[]): readonly SeenEvent[] {
  const ids = new Set(events.map(({ event }) => event.id))
  const ordered = new Set<SeenEvent>()
  const follow = (one: SeenEvent): void => {
    if (ordered.has(one)) return
    ordered.add(one)
    for (const next of events) if (next.event.causationId === one.event.id) follow(next)
  }
  for (const one of events) if (one.event.causationId === undefined) follow(one)
  for (const one of events) if (!ids.has(one.event.causationId ?? '')) follow(one)
  return [...ordered]
}

/** The types of a saga's events, in causal order. */
export function chainOf({ events }: Saga): readonly string[] {
  return inCausalOrder(events).map(({ event }) => event.type)
}

/** How it ended; undefined while it goes on. */
export function outcomeOf({ events }: Saga): SagaOutcome | undefined {
  for (const { event } of events) {
    const outcome = ends.get(event.type)
    if (outcome !== undefined) return outcome
  }
  return undefined
}

/** True if its end was seen, and everything that led to it: nothing of it is still to come. */
export function isWhole(saga: Saga): boolean {
  if (outcomeOf(saga) === undefined) return false
  const ids = new Set(saga.events.map(({ event }) => event.id))
  return saga.events.every(({ event }) => event.causationId === undefined || ids.has(event.causationId))
}

/**
 * When an event was on Kafka at the latest (`performance.now()`): when it was seen, or when one of its
 * effects was, if that came first. Topics are read beside each other, and no effect precedes its cause.
 */
export function knownAtMs({ event, seenAtMs }: SeenEvent, { events }: Saga): number {
  const effects = events.filter(
    (other) => other.event.causationId === event.id && other.event.id !== event.id,
  )
  return Math.min(seenAtMs, ...effects.map((effect) => effect.seenAtMs))
}
