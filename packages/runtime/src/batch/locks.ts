// Keeps batches of one process from deciding on the same documents at the same time. The ledger
// would refuse the second one anyway; waiting for the turn is cheaper than deciding twice.
//
// Invariants
// 1. A holder holds all its names or none. Who finds all of them free takes them at once; anybody else waits for
//    them one after the other in sorted order, so that no two wait for each other.
// 2. Names are handed over first come, first served.
// 3. A name that nobody holds or waits for takes no memory.
// 4. Who is called off while waiting gives back what it had, and is handed nothing afterwards.

import { calledOff, unlessAborted } from '../abort.ts'

/** Releases what was acquired. Safe to call twice. */
export type Release = () => void

export interface Locks {
  /** Resolves when all names are the caller's. Repeated names count once. @throws TroupeError `TROUPE_STOPPED` once `signal` aborts */
  acquire(names: Iterable<string>, signal: AbortSignal): Promise<Release>
}

/** Creates named locks for one process. */
export function createLocks(): Locks {
  /** Per held name: who waits for it, first come first; undefined as long as nobody ever did. */
  const held = new Map<string, (() => void)[] | undefined>()

  function takeAllFree(names: ReadonlySet<string>): boolean {
    for (const name of names) if (held.has(name)) return false
    for (const name of names) held.set(name, undefined)
    return true
  }

  function take(name: string, signal: AbortSignal): Promise<void> | undefined {
    if (!held.has(name)) {
      held.set(name, undefined)
      return undefined
    }
    const waiting = held.get(name) ?? []
    held.set(name, waiting)
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

  function releaseOf(mine: Iterable<string>): Release {
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      for (const name of mine) handOver(name)
    }
  }

  return {
    async acquire(names, signal) {
      const wanted = new Set(names)
      if (takeAllFree(wanted)) return releaseOf(wanted)
      const mine: string[] = []
      const release = releaseOf(mine)
      try {
        for (const name of [...wanted].sort()) {
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
