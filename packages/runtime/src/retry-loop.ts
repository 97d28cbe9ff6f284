import { type DueKey, laneOf, type Ledger, type Log, pause, type TopicPartition } from '@troupe/core'
import type { Breakers, CallsAllowed } from './breaker.ts'
import { createDueLoop, type DueLoop } from './due-loop.ts'
import { inHandMax } from './parked.ts'
import type { OpenPartition } from './partition.ts'

/** The partitions that this process holds. */
export type OpenPartitions = ReadonlyMap<string, TopicPartition & { readonly open: OpenPartition }>

/** How many keys of one partition are looked for beyond those that are being tried. */
const lookMax = inHandMax

export interface RetryLoopOptions {
  readonly ledger: Pick<Ledger, 'dueKeys'>
  readonly partitions: OpenPartitions
  readonly breakers: Pick<Breakers, 'allowed'>
  /** 0 up to 1: which key it is that tries whether calls succeed again. */
  readonly random: () => number
  readonly everyMs: number
  readonly log: Log
}

/**
 * Has parked keys tried again when their time has come, by the database's clock: one question a second, however
 * many partitions there are. Of those that wait for the calls of a reaction, none while its breaker is open, one
 * when it wants to know more, and all once it is closed.
 */
export function createRetryLoop(options: RetryLoopOptions): DueLoop {
  const { ledger, partitions, breakers, random, everyMs, log } = options

  async function look(): Promise<boolean> {
    const own = [...partitions.values()]
    if (own.length === 0) return false
    const allowed = breakers.allowed()
    const most = Math.max(...own.map(({ open }) => open.parked.inHand))
    const due = await ledger.dueKeys(
      own.map(({ topic, partition }) => ({ topic, partition })),
      lookMax + most,
      callingIn(allowed),
    )
    const { keys: chosen, trials } = chooseTrials(due, allowed, random)
    const byLane = new Map<string, DueKey[]>()
    for (const key of chosen) {
      const keys = byLane.get(laneOf(key))
      if (keys) keys.push(key)
      else byLane.set(laneOf(key), [key])
    }
    const tried: Promise<boolean>[] = []
    for (const [lane, keys] of byLane) {
      const open = partitions.get(lane)?.open
      if (!open) continue
      // A full page: the rest is due as well, as soon as these are tried.
      const isFull = open.parked.inHand < inHandMax && keys.length >= lookMax + most
      tried.push(open.retry(keys).then((isMore) => isMore || isFull))
    }
    if (tried.length === 0) return false
    const waiting = new AbortController()
    const isMore = await Promise.race([anyOf(tried), pause(everyMs, waiting.signal).then(() => true)])
    waiting.abort()
    // Of those whose trial succeeded, all the others can go on.
    return isMore || trials.some((reaction) => breakers.allowed().get(reaction) === 'all')
  }
  return createDueLoop({ look, everyMs, log })
}

/** Reactions for whose calls keys need not wait; undefined if that is so of all. */
function callingIn(allowed: ReadonlyMap<string, CallsAllowed>): readonly string[] | undefined {
  if ([...allowed.values()].every((one) => one === 'all')) return undefined
  return [...allowed].flatMap(([reaction, one]) => (one === 'none' ? [] : [reaction]))
}

/**
 * Of keys that wait for a reaction's calls, one at random where one call is to be made: not always the same one,
 * whose event may be to blame, nor one of always the same partition.
 */
function chooseTrials(
  due: readonly DueKey[],
  allowed: ReadonlyMap<string, CallsAllowed>,
  random: () => number,
): { readonly keys: readonly DueKey[]; readonly trials: readonly string[] } {
  const waiting = new Map<string, DueKey[]>()
  const keys: DueKey[] = []
  for (const key of due) {
    const { pausedFor } = key
    const isTrial = pausedFor !== undefined && allowed.get(pausedFor) === 'one'
    if (!isTrial) keys.push(key)
    else waiting.set(pausedFor, [...(waiting.get(pausedFor) ?? []), key])
  }
  for (const candidates of waiting.values()) {
    const one = candidates[Math.floor(random() * candidates.length)]
    if (one) keys.push(one)
  }
  return { keys, trials: [...waiting.keys()] }
}

/** Whether one of them comes to true: as soon as it does, or when all have ended. */
function anyOf(all: readonly Promise<boolean>[]): Promise<boolean> {
  return new Promise((resolve, reject) => {
    for (const one of all) one.then((isTrue) => isTrue && resolve(true), reject)
    Promise.all(all).then(() => resolve(false), reject)
  })
}
