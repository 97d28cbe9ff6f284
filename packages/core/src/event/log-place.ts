import type { RawRecord } from './record.ts'

/**
 * How many bits of a place are the offset: seventy million million records of one topic, and a hundred and thirty
 * thousand topics of one name, in the 63 bits that a database gives to positive numbers.
 */
export const offsetBits = 46n

/**
 * Where a record stands among all that its partition has ever held: by its topic's life, then by its offset. In
 * the first life it is the offset. No two records share one, and what came later has the larger one.
 */
export function logPlaceOf({ offset, life = 0 }: Pick<RawRecord, 'offset' | 'life'>): bigint {
  return (BigInt(life) << offsetBits) + offset
}

/** What has this place. */
export function atLogPlace(place: bigint): Pick<RawRecord, 'offset' | 'life'> {
  return { offset: BigInt.asUintN(Number(offsetBits), place), ...ofLife(Number(place >> offsetBits)) }
}

/** A life as records and claims carry it: the first one goes without saying. */
export function ofLife(life: number): Pick<RawRecord, 'life'> {
  return life === 0 ? {} : { life }
}

/** An offset as names have it, so that those of two lives are two: `4711`, `4711~1`. */
export function offsetName({ offset, life = 0 }: Pick<RawRecord, 'offset' | 'life'>): string {
  return life === 0 ? String(offset) : `${offset}~${life}`
}
