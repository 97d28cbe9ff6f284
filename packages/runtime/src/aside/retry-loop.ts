// Has parked keys tried again when their time has come.
//
// Invariants
// 1. One question for all partitions, by the database's clock. It says when the next key is due, so that nobody
//    waits for the next round; what is due soon after each other is tried together.
// 2. Nobody waits for another partition: each is given what is due as it has hands free, and a full page is
//    followed at once by the next. What could not be tried waits for the next round: no loop without progress.
// 3. Of keys that wait for the calls of a reaction, none is tried while its breaker is open, one when it wants to
//    know more, and all once it is closed.

import { type DueKey, laneOf, type Ledger, type Log, type TopicPartition } from '@troupe/core'
import type { Breakers, CallsAllowed } from '../calls/breaker.ts'
import { createDueLoop, type DueLoop } from '../loops/due-loop.ts'
import { inHandMax } from './parked.ts'
import type { OpenPartition } from '../batch/partition.ts'

/** The partitions that this process holds. */
export type OpenPartitions = ReadonlyMap<string, TopicPartition & { readonly open: OpenPartition }>

export interface RetryLoopOptions {
  readonly ledger: Pick<Ledger, 'dueKeys'>
  readonly partitions: OpenPartitions
  readonly breakers: Pick<Breakers, 'allowed'>
  /** 0 up to 1: which key it is that tries whether calls succeed again. */
  readonly random: () => number
  /** How long it takes at most until somebody notices what others have made due. */
  readonly everyMs: number
  /** How long keys wait at most for company. */
  readonly restMs: number
  readonly log: Log
}

type Allowed = ReadonlyMap<string, CallsAllowed>

/** Creates it, not started. */
export function createRetryLoop(options: RetryLoopOptions): DueLoop {
  const { ledger, partitions, breakers, random, everyMs, restMs, log } = options
  /** Reactions for which somebody finds out whether calls succeed again. */
  const onTrial = new Set<string>()

  async function look(): Promise<number | undefined> {
    const own = [...partitions.values()].filter(({ open }) => open.parked.inHand < inHandMax)
    if (own.length === 0) return undefined
    const allowed = allowedNow()
    // Those that are being tried are due as well.
    const pageMax = inHandMax + Math.max(...own.map(({ open }) => open.parked.inHand))
    const { keys, nextMs } = await ledger.dueKeys(
      own.map(({ topic, partition }) => ({ topic, partition })),
      pageMax,
      callingIn(allowed),
    )
    for (const [lane, chosen] of byLane(chooseTrials(keys, allowed, random))) {
      const open = partitions.get(lane)?.open
      if (open) void tryAgain(open, chosen, { allowed, isFull: chosen.length >= pageMax })
    }
    return nextMs
  }

  async function tryAgain(
    open: OpenPartition,
    keys: readonly DueKey[],
    { allowed, isFull }: { readonly allowed: Allowed; readonly isFull: boolean },
  ): Promise<void> {
    const trials = keys.flatMap(({ pausedFor }) => (isTrial(pausedFor, allowed) ? [pausedFor] : []))
    for (const reaction of trials) onTrial.add(reaction)
    const trying = open.retry(keys)
    const isMoreDue = isFull || open.parked.inHand >= inHandMax
    const { tried, isMore } = await trying
    for (const reaction of trials) onTrial.delete(reaction)
    // Of those whose trial succeeded, all the others can go on.
    const isFree = trials.some((reaction) => breakers.allowed().get(reaction) === 'all')
    if (isMore || isFree || (isMoreDue && tried > 0)) loop.wake()
  }

  function allowedNow(): Allowed {
    return new Map(
      [...breakers.allowed()].map(([reaction, one]) => [
        reaction,
        one === 'one' && onTrial.has(reaction) ? 'none' : one,
      ]),
    )
  }

  const loop = createDueLoop({ what: 'look for what is due', look, everyMs, restMs, log })
  return loop
}

/** Reactions for whose calls keys need not wait; undefined if that is so of all. */
function callingIn(allowed: Allowed): readonly string[] | undefined {
  if ([...allowed.values()].every((one) => one === 'all')) return undefined
  return [...allowed].flatMap(([reaction, one]) => (one === 'none' ? [] : [reaction]))
}

function isTrial(pausedFor: string | undefined, allowed: Allowed): pausedFor is string {
  return pausedFor !== undefined && allowed.get(pausedFor) === 'one'
}

/**
 * Of keys that wait for a reaction's calls, one at random where one call is to be made: not always the same one,
 * whose event may be to blame, nor one of always the same partition.
 */
function chooseTrials(due: readonly DueKey[], allowed: Allowed, random: () => number): readonly DueKey[] {
  const waiting = new Map<string, DueKey[]>()
  const keys: DueKey[] = []
  for (const key of due) {
    const { pausedFor } = key
    if (!isTrial(pausedFor, allowed)) keys.push(key)
    else waiting.set(pausedFor, [...(waiting.get(pausedFor) ?? []), key])
  }
  for (const candidates of waiting.values()) {
    const one = candidates[Math.floor(random() * candidates.length)]
    if (one) keys.push(one)
  }
  return keys
}

function byLane(keys: readonly DueKey[]): ReadonlyMap<string, readonly DueKey[]> {
  const lanes = new Map<string, DueKey[]>()
  for (const key of keys) {
    const lane = laneOf(key)
    const others = lanes.get(lane)
    if (others) others.push(key)
    else lanes.set(lane, [key])
  }
  return lanes
}
