import type { Ledger, Log, ParkedSum } from '@troupe/core'
import { createDueLoop, type DueLoop } from '../loops/due-loop.ts'

/**
 * Counts what the service has parked in all partitions, for whoever watches it: the owner of a partition knows what
 * is parked there, but a partition may have none, and what is parked in it is no less for that. One question for
 * all of them; each instance asks it, and says the same as the others.
 */
export function createCountLoop({
  ledger,
  everyMs,
  onCounted,
  log,
}: {
  readonly ledger: Pick<Ledger, 'parkedSum'>
  readonly everyMs: number
  readonly onCounted: (sum: ParkedSum) => void
  readonly log: Log
}): DueLoop {
  async function look(): Promise<undefined> {
    onCounted(await ledger.parkedSum())
    return undefined
  }
  return createDueLoop({ what: 'count what is parked in all partitions', look, everyMs, log })
}
