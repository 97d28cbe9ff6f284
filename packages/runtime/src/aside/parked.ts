// What is parked in one partition, as its owner knows it.
//
// Invariants
// 1. While `isAnyParked` is false, nothing is parked under this claim: batches need not ask. It is set when
//    the claim finds something, when a batch parks, when something is due (somebody redrove it), and when a
//    settlement was refused; it is cleared only in the partition's turn, by what the ledger counts.
// 2. Totals only ever hold up batches, and are measured: they are counted anew whenever something may have gone,
//    and every few seconds while there is anything, since a person may have given it up.
// 3. A key that is tried again is in hand until that has ended: nobody takes it up a second time.

import {
  keyNameOf,
  type KeyPlace,
  type Ledger,
  type Log,
  type ParkedSum,
  type Parking,
  type TopicPartition,
} from '@troupe/core'
import { isDoneBefore } from '../abort.ts'
import type { Heard } from '../batch/decode.ts'

export interface ParkedLimits {
  /** How many events one partition may have parked before it is held up. */
  readonly eventsMax: number
  readonly bytesMax: number
}

export type ParkedState = ParkedSum & {
  /** Whether the partition takes nothing new because too much is parked. */
  readonly isFull: boolean
}

export interface Parked {
  readonly state: ParkedState
  /** What a recall has to ask of the keys of a batch; undefined while nothing is parked. */
  keysOf(chunk: readonly Heard[], conflicts: number): readonly KeyPlace[] | undefined
  /** Told of what was settled. */
  noted(parking: Parking | undefined): void
  /** Counts anew. Only in the partition's turn, unless nothing is under way. */
  count(): Promise<void>
  /** Marks keys as being tried again; returns those that were not. */
  takeInHand(keys: readonly KeyPlace[]): readonly KeyPlace[]
  letGo(keys: readonly KeyPlace[]): void
  readonly inHand: number
  /** Resolves when there is room for more, or when the signal aborts. */
  room(signal: AbortSignal): Promise<void>
}

/** How many keys of a partition are tried again at one time. */
export const inHandMax = 400

export function createParked(
  place: TopicPartition,
  { ledger, limits, log }: { readonly ledger: Ledger; readonly limits: ParkedLimits; readonly log: Log },
): Parked {
  let totals: ParkedSum = nothing
  let countedAtMs = performance.now()
  let isAnyParked = false
  let isFull = false
  const inHand = new Set<string>()
  const waiting = new Set<() => void>()

  function weigh(): void {
    const wasFull = isFull
    isFull = totals.events >= limits.eventsMax || totals.bytes >= limits.bytesMax
    if (isFull === wasFull) return
    const facts = { ...place, events: totals.events, bytes: totals.bytes, ...limits }
    if (isFull) {
      log.warn(
        facts,
        'too much is parked: the partition takes nothing new until some of it is handled, or a person redrives or discards it',
      )
      return
    }
    log.info(facts, 'the partition has room again for what fails')
    for (const wake of waiting) wake()
    waiting.clear()
  }

  return {
    get state() {
      const oldestMs = totals.keys === 0 ? 0 : totals.oldestMs + performance.now() - countedAtMs
      return { ...totals, oldestMs, isFull }
    },
    get inHand() {
      return inHand.size
    },
    keysOf(chunk, conflicts) {
      if (!isAnyParked && conflicts === 0) return undefined
      const names = new Set(chunk.map(({ record }) => keyNameOf(record)))
      return [...names].map((key) => ({ topic: place.topic, partition: place.partition, key }))
    },
    noted(parking) {
      if (!parking) return
      let { keys, paused, held, events, bytes } = totals
      for (const write of parking.keys) {
        if (write.form === 'retry') continue
        isAnyParked = true
        if (write.form === 'park') keys += 1
        if (write.form === 'park' && write.next.state === 'held') held += 1
        if (write.form === 'park' && write.next.state === 'paused') paused += 1
        events += write.records.length
        for (const { record } of write.records)
          bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
      }
      if (totals.keys === 0) countedAtMs = performance.now()
      totals = { ...totals, keys, paused, held, events, bytes }
      weigh()
    },
    async count() {
      const [found] = await ledger.parkedTotals([place])
      totals = found ?? nothing
      countedAtMs = performance.now()
      isAnyParked = found !== undefined
      weigh()
    },
    takeInHand(keys) {
      isAnyParked ||= keys.length > 0
      const free = keys.filter(({ key }) => !inHand.has(key)).slice(0, inHandMax - inHand.size)
      for (const { key } of free) inHand.add(key)
      return free
    },
    letGo(keys) {
      for (const { key } of keys) inHand.delete(key)
    },
    async room(signal) {
      if (!isFull) return
      await isDoneBefore(signal, new Promise<void>((resolve) => waiting.add(resolve)))
    },
  }
}

const nothing = { keys: 0, paused: 0, held: 0, events: 0, bytes: 0, oldestMs: 0 }
