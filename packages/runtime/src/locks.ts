// Keeps batches of one process from deciding on the same documents at the same time. The ledger
// would refuse the second one anyway; waiting for the turn is cheaper than deciding twice.
//
// Invariants
// 1. A holder holds all its names or none: it waits for them one after the other in sorted order,
//    as every holder does, so that no two wait for each other.
// 2. Names are handed over first come, first served.
// 3. A name that nobody holds or waits for takes no memory.

/** Releases what was acquired. Safe to call twice. */
export type Release = () => void

export interface Locks {
  /** Resolves when all names are the caller's. Repeated names count once. */
  acquire(names: Iterable<string>): Promise<Release>
}

/** Creates named locks for one process. */
export function createLocks(): Locks {
  /** Per held name: who waits for it, first come first. */
  const held = new Map<string, (() => void)[]>()

  function take(name: string): Promise<void> | undefined {
    const waiting = held.get(name)
    if (!waiting) {
      held.set(name, [])
      return undefined
    }
    return new Promise((resolve) => waiting.push(resolve))
  }

  function handOver(name: string): void {
    const next = held.get(name)?.shift()
    if (next) next()
    else held.delete(name)
  }

  return {
    async acquire(names) {
      const wanted = [...new Set(names)].sort()
      for (const name of wanted) {
        const turn = take(name)
        if (turn) await turn
      }
      let isReleased = false
      return () => {
        if (isReleased) return
        isReleased = true
        for (const name of wanted) handOver(name)
      }
    },
  }
}
