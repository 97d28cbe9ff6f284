// What a batch knows of parked keys, and what it changes about them. Part of a working set; all keys are of
// the batch's own partition.
//
// Invariants
// 1. A key that is parked stays so for the rest of the batch: what comes after its head follows it.
// 2. Only a key that was taken in hand is tried again, and its write carries the version that it had then.

import type {
  AsideRecord,
  DeadLetterWrite,
  KeyPlace,
  ParkedKeyWrite,
  ParkedNext,
  Parking,
  RecalledKey,
} from '../aside/set-aside.ts'

/** What one delivery changes about what is set aside. */
export type AsideChange =
  /** It failed; `record` unless it is parked already, or is a dead letter. */
  | {
      readonly form: 'park'
      readonly key: KeyPlace
      readonly next: Exclude<ParkedNext, { readonly state: 'free' }>
      readonly record: AsideRecord | undefined
    }
  /** It came after one of its key that is parked. */
  | { readonly form: 'follow'; readonly key: KeyPlace; readonly record: AsideRecord }
  /** It was parked, and is no more. */
  | { readonly form: 'done'; readonly key: KeyPlace; readonly logPlace: bigint }
  | { readonly form: 'dead-letter'; readonly letter: DeadLetterWrite }

export interface KeySet {
  /** Whether any key is known to be parked: if not, nobody need ask. */
  readonly isAnyParked: boolean
  isParked(key: string): boolean
  /**
   * Takes a parked key in hand, to try its records again. False if it has changed since, or is parked no
   * more: then its records are not to be tried.
   */
  take(key: string, version: number): boolean
  apply(changes: readonly AsideChange[]): void
  /** Undefined if nothing was changed. */
  writes(): Parking | undefined
}

interface HeldKey {
  readonly place: KeyPlace
  /** Undefined for one that was not parked. */
  readonly version: number | undefined
  isInHand: boolean
  isParked: boolean
  next: ParkedNext | undefined
  readonly records: AsideRecord[]
  readonly done: bigint[]
}

/** Opens it on the keys that the ledger recalled. */
export function keySet(recalled: readonly RecalledKey[]): KeySet {
  const keys = new Map<string, HeldKey>()
  const letters: DeadLetterWrite[] = []
  for (const { topic, partition, key, version } of recalled) {
    keys.set(key, held({ topic, partition, key }, version))
  }

  function keyAt(place: KeyPlace): HeldKey {
    let one = keys.get(place.key)
    if (!one) keys.set(place.key, (one = held(place, undefined)))
    return one
  }

  return {
    get isAnyParked() {
      return keys.size > 0
    },
    isParked: (key) => keys.get(key)?.isParked ?? false,
    take(key, version) {
      const one = keys.get(key)
      if (!one || one.version !== version) return false
      one.isInHand = true
      one.isParked = false
      return true
    },
    apply(changes) {
      for (const change of changes) {
        if (change.form === 'dead-letter') {
          letters.push(change.letter)
          continue
        }
        const one = keyAt(change.key)
        switch (change.form) {
          case 'park':
            one.isParked = true
            one.next = change.next
            if (change.record) one.records.push(change.record)
            break
          case 'follow':
            one.records.push(change.record)
            break
          case 'done':
            one.done.push(change.logPlace)
            break
        }
      }
    },
    writes() {
      const written = [...keys.values()].flatMap((one) => writeOf(one) ?? [])
      if (written.length === 0 && letters.length === 0) return undefined
      return { keys: written, deadLetters: letters }
    },
  }
}

function held(place: KeyPlace, version: number | undefined): HeldKey {
  return {
    place,
    version,
    isInHand: false,
    isParked: version !== undefined,
    next: undefined,
    records: [],
    done: [],
  }
}

function writeOf({ place, version, isInHand, next, records, done }: HeldKey): ParkedKeyWrite | undefined {
  if (version === undefined) {
    return next && next.state !== 'free' ? { ...place, form: 'park', next, records } : undefined
  }
  if (isInHand) return { ...place, form: 'retry', version, done, next: next ?? { state: 'free' } }
  return records.length > 0 ? { ...place, form: 'follow', records } : undefined
}
