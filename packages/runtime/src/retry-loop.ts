import { laneOf, type KeyPlace, type Ledger, type Log, pause, type TopicPartition } from '@troupe/core'
import { createDueLoop, type DueLoop } from './due-loop.ts'
import { inHandMax } from './parked.ts'
import type { OpenPartition } from './partition.ts'

/** The partitions that this process holds. */
export type OpenPartitions = ReadonlyMap<string, TopicPartition & { readonly open: OpenPartition }>

/** How many keys of one partition are looked for beyond those that are being tried. */
const lookMax = inHandMax

/**
 * Has parked keys tried again when their time has come, by the database's clock: one question a second, however
 * many partitions there are.
 */
export function createRetryLoop({
  ledger,
  partitions,
  everyMs,
  log,
}: {
  readonly ledger: Pick<Ledger, 'dueKeys'>
  readonly partitions: OpenPartitions
  readonly everyMs: number
  readonly log: Log
}): DueLoop {
  async function look(): Promise<boolean> {
    const own = [...partitions.values()]
    if (own.length === 0) return false
    const most = Math.max(...own.map(({ open }) => open.parked.inHand))
    const due = await ledger.dueKeys(
      own.map(({ topic, partition }) => ({ topic, partition })),
      lookMax + most,
    )
    const byLane = new Map<string, KeyPlace[]>()
    for (const key of due) {
      const keys = byLane.get(laneOf(key))
      if (keys) keys.push(key)
      else byLane.set(laneOf(key), [key])
    }
    const busy: Promise<void>[] = []
    for (const [lane, keys] of byLane) {
      const open = partitions.get(lane)?.open
      const isFree = open && open.parked.inHand < inHandMax
      const tried = open?.retry(keys)
      // A full page: the rest is due as well, as soon as these are tried.
      if (tried && isFree && keys.length >= lookMax + most) busy.push(tried)
    }
    if (busy.length === 0) return false
    const waiting = new AbortController()
    await Promise.race([...busy, pause(everyMs, waiting.signal)])
    waiting.abort()
    return true
  }
  return createDueLoop({ look, everyMs, log })
}
