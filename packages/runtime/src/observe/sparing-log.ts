// A log for what may come once or a million times.
//
// Invariants
// 1. Of each kind, the first `linesMax` of a window are said in full; the others are counted, and their
//    number is said when the window ends.
// 2. What is held is bounded: kinds beyond `kindsMax` share one.

import type { Log } from '@troupe/core'

export interface SparingLog {
  say(level: 'info' | 'warn' | 'error', kind: string, facts: object, message: string): void
}

const linesMaxDefault = 10
const windowMsDefault = 10_000
const kindsMax = 100

/** Says little about much. */
export function createSparingLog(
  log: Log,
  { linesMax = linesMaxDefault, windowMs = windowMsDefault } = {},
): SparingLog {
  const counts = new Map<string, number>()
  return {
    say(level, given, facts, message) {
      const kind = counts.has(given) || counts.size < kindsMax ? given : 'and others'
      const count = (counts.get(kind) ?? 0) + 1
      counts.set(kind, count)
      if (count === 1) {
        setTimeout(() => {
          const unsaid = (counts.get(kind) ?? 0) - linesMax
          counts.delete(kind)
          if (unsaid > 0)
            log[level]({ kind, unsaid, windowMs }, `${kind}: ${unsaid} more, not said one by one`)
        }, windowMs).unref()
      }
      if (count <= linesMax) log[level](facts, message)
    },
  }
}
