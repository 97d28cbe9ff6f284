// What the observer has seen, without Kafka.
//
// Invariants
// 1. An event counts once, by source and id: what is published again changes nothing but `repeats`.
// 2. A saga is kept in full until it is whole; of whole sagas only the latest `wholeKeptMax` are kept. Of
//    all the others a fingerprint per event remains, so that a repeat is still known as one.
// 3. Listeners hear of an event after it is in its saga and in the sums.
//
// Owned by one observer.

import type { Event } from '@troupe/core'
import { isWhole, type Saga, type SeenEvent } from './saga.ts'
import { added, noSums, type Sums } from './sums.ts'

export interface SightingListener {
  /** An event was seen for the first time. */
  seen?(one: SeenEvent, saga: Saga): void
  /** A saga became whole with this event. */
  ended?(saga: Saga): void
}

export interface Sightings {
  readonly add: (one: SeenEvent) => void
  saga(id: string): Saga | undefined
  /** Sagas that are not whole. */
  open(): readonly Saga[]
  /** How many sagas were seen to begin. */
  begun(): number
  /** How many events were published more than once. */
  repeats(): number
  sums(): Sums
  /** Returns how to stop listening. */
  listen(listener: SightingListener): () => void
}

interface KeptSaga extends Saga {
  readonly events: SeenEvent[]
}

export function createSightings(wholeKeptMax = 1_000): Sightings {
  const open = new Map<string, KeptSaga>()
  const whole = new Map<string, KeptSaga>()
  const known = new Set<number | string>()
  const listeners = new Set<SightingListener>()
  let sums = noSums
  let begun = 0
  let repeats = 0

  function sagaFor(event: Event): KeptSaga {
    const kept = open.get(event.correlationId) ?? whole.get(event.correlationId)
    const saga = kept ?? { id: event.correlationId, events: [] }
    // Whatever comes after the end opens it again, so that it is not overlooked.
    whole.delete(saga.id)
    open.set(saga.id, saga)
    return saga
  }

  function close(saga: KeptSaga): void {
    open.delete(saga.id)
    whole.set(saga.id, saga)
    if (whole.size <= wholeKeptMax) return
    for (const oldest of whole.keys()) {
      whole.delete(oldest)
      break
    }
  }

  return {
    add(one) {
      const mark = fingerprint(one.event)
      if (known.has(mark)) {
        repeats += 1
        return
      }
      known.add(mark)
      const saga = sagaFor(one.event)
      saga.events.push(one)
      sums = added(sums, one.event)
      if (one.event.causationId === undefined) begun += 1
      const hasEnded = isWhole(saga)
      if (hasEnded) close(saga)
      for (const listener of listeners) listener.seen?.(one, saga)
      if (hasEnded) for (const listener of listeners) listener.ended?.(saga)
    },
    saga: (id) => open.get(id) ?? whole.get(id),
    open: () => [...open.values()],
    begun: () => begun,
    repeats: () => repeats,
    sums: () => sums,
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** 52 bits of a UUID tell a demo's events apart in a quarter of the memory; any other id stands for itself. */
function fingerprint({ source, id }: Event): number | string {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return `${source}\n${id}`
  return Number.parseInt(id.slice(22, 23) + id.slice(24), 16)
}
