import type { Faults } from './faults.test.kit.ts'
import type { Random } from './random.test.kit.ts'
import type { VirtualTime } from './virtual-time.test.kit.ts'

/** What all parts of one simulation share. */
export interface World {
  readonly time: VirtualTime
  readonly random: Random
  readonly faults: Faults
  /** True as long as things go wrong. */
  readonly isTroubled: boolean
  readonly isBrokerAway: boolean
  /** What one way to a server takes: mostly little. */
  latencyMs(): number
  trace(line: string): void
}

/** A running hash of lines, and the lines themselves where somebody wants to read them. */
export function traceOf(time: VirtualTime, onLine: ((line: string) => void) | undefined) {
  let hash = 0x811c9dc5
  return {
    get hash() {
      return (hash >>> 0).toString(16).padStart(8, '0')
    },
    add(line: string): void {
      const text = `${time.nowMs.toFixed(1)} ${line}`
      for (let index = 0; index < text.length; index++) {
        hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
      }
      onLine?.(text)
    },
  }
}
