/** Everything by chance in a simulation, out of one seed. */
export interface Random {
  /** From 0 up to, but without, 1. */
  next(): number
  chance(probability: number): boolean
  /** From 0 up to, but without, `end`. */
  below(end: number): number
  pick<T>(all: readonly T[]): T
}

/** mulberry32: 32 bits of state, the same numbers everywhere. */
export function randomOf(seed: number): Random {
  let state = seed | 0
  function next(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    next,
    chance: (probability) => next() < probability,
    below: (end) => Math.floor(next() * end),
    pick<T>(all: readonly T[]): T {
      if (all.length === 0) throw new RangeError('nothing to pick from')
      return all[Math.floor(next() * all.length)] as T
    },
  }
}
