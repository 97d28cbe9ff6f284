import type { Log } from '@troupe/core'
import { createDueLoop, type DueLoop } from '../loops/due-loop.ts'
import type { OpenPartitions } from './retry-loop.ts'

/**
 * Has partitions that believe that something is parked count it anew: a person may have given it up, which nobody
 * here hears of. Until then what was given up would hold up a partition that is full, and be measured.
 */
export function createRecountLoop({
  partitions,
  everyMs,
  log,
}: {
  readonly partitions: OpenPartitions
  readonly everyMs: number
  readonly log: Log
}): DueLoop {
  async function look(): Promise<undefined> {
    const holding = [...partitions.values()].filter(({ open }) => open.parked.state.keys > 0)
    await Promise.all(holding.map(({ open }) => open.recount()))
    return undefined
  }
  return createDueLoop({ what: 'count what is parked', look, everyMs, log })
}
