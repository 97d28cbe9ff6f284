// One assigned partition, from claim to release.
//
// | state    | take(batch)              | release()                   |
// |----------|--------------------------|-----------------------------|
// | claimed  | decode, decide, settle   | flush the position, let go  |
// | released | refused (TROUPE_FENCED)  | nothing                     |
//
// Invariants
// 1. `stored` is the position in the ledger; `reached` is how far the log has been looked at. Records
//    between the two concern nobody here, so it costs no write to pass them.
// 2. Every write moves the position from exactly `stored`, under exactly the claimed epoch.
// 3. A batch is handled by one `take` at a time; the receiver sees to that.

import {
  type Claim,
  laneOf,
  commandLane,
  type OutgoingRecord,
  recallFor,
  type TopicPartition,
  idsOf,
  retryVerdictOf,
  TroupeError,
} from '@troupe/core'
import type { PartitionWork, ReceivedBatch } from '@troupe/kafka'
import { decideAll, type DecideOptions, type Turn } from './decide.ts'
import { decode, type Heard } from './decode.ts'
import { recallAndSettle, settle, type SettleOptions } from './settle.ts'

export interface PartitionOptions extends SettleOptions, Omit<DecideOptions, 'deciding' | 'signal'> {
  readonly deciding: Omit<DecideOptions['deciding'], 'timeMs'>
  readonly now: () => number
  /** How many events one transaction takes at most. */
  readonly batchEventsMax: number
  /** Told how far the partition has been handled, each time that it moves. */
  readonly onReached: (reached: bigint | undefined) => void
}

/**
 * Claims a partition: from now on its earlier owner's writes fail. Publishes what a crash left in the
 * outbox before it returns, so that nothing new overtakes it.
 */
export async function claimPartition(
  { topic, partition }: TopicPartition,
  options: PartitionOptions,
): Promise<PartitionWork> {
  const { ledger, dependencies, log, signal } = options
  const claim = await dependencies.insist(
    'database',
    'claim a partition',
    () => ledger.claim({ topic, partition }),
    signal,
  )
  for (const lane of [laneOf(claim), commandLane]) await publishLeftovers(lane, options)
  log.debug({ topic, partition, epoch: claim.epoch, next: claim.next?.toString() }, 'claimed')
  return openPartition(claim, options)
}

/** Publishes what a lane's outbox holds beyond what this process is publishing already. */
export async function publishLeftovers(
  lane: string,
  { ledger, relay, dependencies, log, signal }: SettleOptions & Pick<PartitionOptions, 'log'>,
): Promise<void> {
  const rows = await dependencies.insist(
    'database',
    'read the outbox',
    () => ledger.unpublished(lane),
    signal,
  )
  const leftovers = rows.filter(({ id }: OutgoingRecord) => !relay.holds(id))
  if (leftovers.length === 0) return
  log.info({ lane, events: leftovers.length }, 'publishing what an earlier process left in the outbox')
  relay.push(leftovers)
  await relay.drained()
}

function openPartition(claim: Claim, options: PartitionOptions): PartitionWork {
  const { topic, partition, epoch } = claim
  let stored = claim.next
  let reached = claim.next
  let isReleased = false
  let underWay: Promise<void> = Promise.resolve()
  options.onReached(reached)

  async function take(batch: ReceivedBatch): Promise<void> {
    if (isReleased) throw new TroupeError('TROUPE_FENCED', `${topic}[${partition}] was let go of.`)
    const { signal, unlink } = eitherOf(batch.signal, options.signal)
    try {
      await handleAll(batch, signal)
    } finally {
      unlink()
    }
    await options.relay.room()
  }

  async function handleAll(batch: ReceivedBatch, signal: AbortSignal): Promise<void> {
    const heard = await options.dependencies.insist(
      'registry',
      'decode a batch',
      () => decode(options.service, options.codec, batch.records),
      signal,
    )
    for (let start = 0; start < heard.length; start += options.batchEventsMax) {
      const chunk = heard.slice(start, start + options.batchEventsMax)
      const isLast = start + options.batchEventsMax >= heard.length
      await handle(chunk, isLast ? batch.to : endOf(chunk), signal)
    }
    reached = batch.to
    options.onReached(reached)
  }

  /** Settles a chunk. If the database refuses it, halves it until the guilty event stands alone. */
  async function handle(
    chunk: readonly Heard[],
    to: bigint,
    signal: AbortSignal,
    refusal?: unknown,
  ): Promise<void> {
    try {
      await settleChunk(chunk, to, signal, refusal)
      stored = to
      reached = to
    } catch (error) {
      if (retryVerdictOf(error) !== 'blame' || refusal !== undefined) throw error
      if (chunk.length <= 1) return handle(chunk, to, signal, error)
      const middle = Math.ceil(chunk.length / 2)
      const first = chunk.slice(0, middle)
      await handle(first, endOf(first), signal)
      await handle(chunk.slice(middle), to, signal)
    }
  }

  async function settleChunk(
    chunk: readonly Heard[],
    to: bigint,
    signal: AbortSignal,
    refusal: unknown,
  ): Promise<void> {
    const { deciding, service } = options
    const deliveries = chunk.flatMap(({ delivery }) => (delivery ? [delivery] : []))
    const { request, reads, failed } = recallFor(deliveries, (causeId) =>
      idsOf(deciding.deriveId, service.name, causeId),
    )
    let index = 0
    const turns: Turn[] = chunk.map((heard) => {
      if (!heard.delivery) return { heard, reads: [] }
      const at = index++
      const refused = refusal ?? failed.get(at)
      return {
        heard,
        reads: reads[at] ?? [],
        ...(refusal !== undefined || failed.has(at) ? { refusal: refused } : {}),
      }
    })
    const position = { topic, partition, epoch, from: stored, to }
    await recallAndSettle(
      request,
      position,
      (set) =>
        decideAll(turns, set, { ...options, deciding: { ...deciding, timeMs: options.now() }, signal }),
      { ...options, signal },
    )
  }

  return {
    next: claim.next,
    take(batch) {
      underWay = take(batch)
      return underWay
    },
    async release() {
      if (isReleased) return
      await underWay.catch(() => {})
      isReleased = true
      if (reached === undefined || reached === stored) return
      // Only a convenience for the next owner: records that concern nobody need not be looked at again.
      const position = { topic, partition, epoch, from: stored, to: reached }
      const nothing = { inbox: [], documents: [], steps: [], answers: [], outbox: [] }
      await settle({ position, ...nothing }, { ...options, signal: AbortSignal.timeout(2_000) }).catch(
        (error: unknown) => {
          options.log.debug(
            { topic, partition, err: error },
            'the position past unheard records was not kept',
          )
        },
      )
    },
  }
}

function endOf(chunk: readonly Heard[]): bigint {
  const last = chunk.at(-1)
  if (!last) throw new RangeError('an empty chunk has no end')
  return last.record.offset + 1n
}

/** Aborted with either. Not `AbortSignal.any`, which holds on to its signals as long as the longest-lived of them. */
function eitherOf(a: AbortSignal, b: AbortSignal): { readonly signal: AbortSignal; unlink(): void } {
  const controller = new AbortController()
  const abort = () => controller.abort()
  for (const signal of [a, b]) {
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
  }
  return {
    signal: controller.signal,
    unlink() {
      for (const signal of [a, b]) signal.removeEventListener('abort', abort)
    },
  }
}
