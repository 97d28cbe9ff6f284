// Keeps batches of one process from deciding on the same documents at the same time. The ledger
// would refuse the second one anyway; waiting for the turn is cheaper than deciding twice.
//
// Invariants
// 1. A holder holds all its names or none: it waits for them one after the other in sorted order,
//    as every holder does, so that no two wait for each other.
// 2. Names are handed over first come, first served.
// 3. A name that nobody holds or waits for takes no memory.
// 4. Who is called off while waiting gives back what it had, and is handed nothing afterwards.

import { calledOff, unlessAborted } from './abort.ts'

/** Releases what was acquired. Safe to call twice. */
export type Release = () => void

export interface Locks {
  /** Resolves when all names are the caller's. Repeated names count once. @throws TroupeError `TROUPE_STOPPED` once `signal` aborts */
  acquire(names: Iterable<string>, signal: AbortSignal): Promise<Release>
}

/** Creates named locks for one process. */
export function createLocks(): Locks {
  /** Per held name: who waits for it, first come first. */
  const held = new Map<string, (() => void)[]>()

  function take(name: string, signal: AbortSignal): Promise<void> | undefined {
    const waiting = held.get(name)
    if (!waiting) {
      held.set(name, [])
      return undefined
    }
    let come = () => {}
    const turn = new Promise<void>((resolve) => waiting.push((come = resolve)))
    return unlessAborted(turn, signal, () => {
      const place = waiting.indexOf(come)
      if (place >= 0) waiting.splice(place, 1)
      // Its turn had come in the same moment: it goes on to the next one.
      else handOver(name)
      return calledOff('wait for a document')
    })
  }

  function handOver(name: string): void {
    const next = held.get(name)?.shift()
    if (next) next()
    else held.delete(name)
  }

  return {
    async acquire(names, signal) {
      const wanted = [...new Set(names)].sort()
      const mine: string[] = []
      let isReleased = false
      const release = () => {
        if (isReleased) return
        isReleased = true
        for (const name of mine) handOver(name)
      }
      try {
        for (const name of wanted) {
          const turn = take(name, signal)
          if (turn) await turn
          mine.push(name)
        }
      } catch (error) {
        release()
        throw error
      }
      return release
    },
  }
}
