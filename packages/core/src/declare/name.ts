import { shown } from './shown.ts'

/** Longest id, source, type, correlation id, document key and idempotency key, in UTF-16 units. */
export const nameLengthMax = 512

/**
 * Says why a text cannot name anything in a ledger; undefined if it can: its size fits an index, and two
 * names that differ here differ there as well. U+FFFD is what bytes that are no UTF-8 are read as, so
 * that it may stand for anything.
 */
export function flawOfName(text: unknown): string | undefined {
  if (typeof text !== 'string') return `is ${shown(text)}, not text`
  if (text === '') return 'is empty'
  if (text.length > nameLengthMax) return `has ${text.length} characters, more than ${nameLengthMax}`
  if (unfit.test(text)) return 'holds a NUL character, or bytes that are no UTF-8'
  return undefined
}

const unfit = /[\0\uFFFD]|\p{Surrogate}/u

/** Joins two names into one string, for maps: no two pairs give the same, whatever characters they hold. */
export function pairKey(first: string, second: string): string {
  return `${first.length}:${first}${second}`
}

/** A map by two names. */
export interface PairMap<Value> {
  get(first: string, second: string): Value | undefined
  set(first: string, second: string, value: Value): void
  /** In the order in which their names were first set. */
  values(): readonly Value[]
}

/**
 * Makes a {@link PairMap}. Map in map, because a string joined for every look-up would have to be hashed
 * for every look-up: five times for each event of a batch. Few first names, many second ones.
 */
export function pairMap<Value>(): PairMap<Value> {
  const held: Value[] = []
  const places = new Map<string, Map<string, number>>()
  return {
    get(first, second) {
      const place = places.get(first)?.get(second)
      return place === undefined ? undefined : held[place]
    },
    set(first, second, value) {
      let inner = places.get(first)
      if (!inner) places.set(first, (inner = new Map()))
      const place = inner.get(second)
      if (place === undefined) inner.set(second, held.push(value) - 1)
      else held[place] = value
    },
    values: () => held,
  }
}
