// One assigned partition, from claim to release.
//
// | state    | take(batch)                                        | release()                                  |
// |----------|----------------------------------------------------|--------------------------------------------|
// | claimed  | decode, decide, settle                             | keep the position, hand over what is published, let go |
// | released | refused (TROUPE_FENCED)                            | nothing                                    |
//
// While it is claimed, what is parked in it is tried again beside that: `retry-parked`.
//
// Invariants
// 1. `stored` is the position in the ledger; `reached` is how far the log has been looked at. Records
//    between the two concern nobody here, so it costs no write to pass them: the position follows with
//    the next write, or after `passedKeptAfterMs`.
// 2. Every write moves the position from exactly `stored`, under exactly the claimed epoch, and forward.
// 3. What lies before `stored` is settled: of a batch that comes again, it is skipped.
// 4. What is handed on is of the claim's life, so that what is set aside of two topics of one name is two things.
// 5. One thing at a time is done with a partition.
// 6. Nothing passes what is parked of its key: while anything is parked, each batch asks which of its keys are.

import {
  type ClaimedTopic,
  commandLane,
  type Delivery,
  idsOf,
  isTroupeError,
  type KeyPlace,
  laneOf,
  type PositionMove,
  type RawRecord,
  type RecallRequest,
  recallFor,
  retryVerdictOf,
  type TakenClaim,
  type TopicPartition,
  TroupeError,
  workingSet,
  type WorkingSet,
} from '@troupe/core'
import type { PartitionWork, ReceivedBatch } from '@troupe/kafka'
import { isDoneBefore, linked } from '../abort.ts'
import { awaitSchemas } from '../schemas/await-schemas.ts'
import { type Caution, createCaution } from './caution.ts'
import {
  callsOutside,
  decideAll,
  type DecideOptions,
  namesIn,
  performAhead,
  type Turn,
  usesTables,
} from './decide.ts'
import { decode, type Heard, type PassedOver } from './decode.ts'
import { publishLeftovers } from './leftovers.ts'
import { type InTurn, oneAtATime } from './one-at-a-time.ts'
import { createParked, type Parked, type ParkedLimits } from '../aside/parked.ts'
import { type Outcomes, performKeysOf, keysStillDue } from '../calls/perform.ts'
import { createRetry, type Retried, type RetryOptions } from '../aside/retry-parked.ts'
import { mustWait, nothing, recallAndSettle, settle, type Work } from './settle.ts'
import { timed } from '../observe/stages.ts'
import type { WorkSpan } from '../observe/tracing.ts'
import { recallAndTransact, type Transacting } from './transact.ts'

export interface PartitionOptions extends RetryOptions {
  /** How many events one transaction takes at most. */
  readonly batchEventsMax: number
  /** How long the stored position may stay behind when nothing that concerns the service comes. */
  readonly passedKeptAfterMs: number
  /** Aborted when the service begins to stop: what only waits for room need not be waited for. */
  readonly stopping: AbortSignal
  /** How much may be parked before the partition takes nothing new. */
  readonly parkedLimits: ParkedLimits
  readonly onPassedOver?: (why: PassedOver, record: RawRecord) => void
  /** For what is handled with this process to itself; the same for all its partitions. */
  readonly aloneInTurn: InTurn
  /** Told how long a batch took, from its handing over to its last commit. */
  readonly onTook?: (seconds: number) => void
  /** Told how far the partition has been handled, each time that it moves. */
  readonly onReached: (reached: bigint | undefined) => void
  /** Told when a wait for a schema begins, and when it ends. */
  readonly onWaitingForSchema?: (isWaiting: boolean) => void
  /** Told that the partition is let go of. */
  readonly onReleased: () => void
}

/** A batch as it is handed over, in chunks. */
interface InHand {
  readonly signal: AbortSignal
  readonly outcomes: Outcomes
  readonly spans: ReadonlyMap<Heard, WorkSpan> | undefined
}

type Batch = ReceivedBatch & {
  /** Why its only record is not to be handled, nor even decoded. */
  readonly lethal?: TroupeError | undefined
}

/** A partition in hand, and what is parked in it. */
export interface OpenPartition extends PartitionWork {
  room(signal: AbortSignal): Promise<void>
  readonly fenced: AbortSignal
  readonly parked: Pick<Parked, 'state' | 'inHand'>
  /** Counts what is parked anew. */
  recount(): Promise<void>
  /** Tries keys again that are due, those that nobody has in hand. Never rejects. */
  retry(keys: readonly KeyPlace[]): Promise<Retried>
}

/** How long a release waits for Kafka, so that the next owner finds nothing to publish a second time. */
const handOverMs = 1_000
const keepTimeoutMs = 2_000

/**
 * Claims a partition: from now on its earlier owner's writes fail. Publishes what a crash left in the
 * outbox before it returns, so that nothing new overtakes it.
 *
 * @throws TroupeError `TROUPE_STOPPED` once the service is called off
 */
export async function claimPartition(
  { topic, partition }: TopicPartition,
  options: PartitionOptions,
  found?: ClaimedTopic,
): Promise<OpenPartition> {
  const { ledger, dependencies, log, signal } = options
  const claim = await dependencies.insist(
    'database',
    'claim a partition',
    () => ledger.claim({ topic, partition }, found),
    signal,
  )
  for (const lane of [laneOf(claim), commandLane]) await publishLeftovers(lane, options)
  log.debug({ topic, partition, epoch: claim.epoch, next: claim.next?.toString() }, 'claimed')
  const parked = createParked({ topic, partition }, { ledger, limits: options.parkedLimits, log })
  // After the claim: nobody else parks anything in it any more.
  await dependencies.insist('database', 'count what is parked', () => parked.count(), signal)
  const caution = createCaution(claim, { ...options, inTurn: options.aloneInTurn })
  return openPartition(claim, { parked, caution }, options)
}

interface Tools {
  readonly parked: Parked
  readonly caution: Caution
}

function openPartition(
  claim: TakenClaim,
  { parked, caution }: Tools,
  options: PartitionOptions,
): OpenPartition {
  const { topic, partition, epoch, life } = claim
  const releasing = new AbortController()
  const fencing = new AbortController()
  let stored = claim.next
  let reached = claim.next
  let isReleased = false
  let isFenced = false
  let keepTimer: NodeJS.Timeout | undefined
  const inTurn = oneAtATime()
  options.onReached(reached)

  /** Its first records one by one, as long as there is need, and then what is left of it. */
  async function takeWithCare(batch: ReceivedBatch): Promise<void> {
    const { records } = batch
    let taken = 0
    for (; caution.isNeededFor('batches') && taken < records.length; taken += 1) {
      const [record, next] = [records[taken], records[taken + 1]]
      if (!record || (stored !== undefined && record.offset < stored)) continue
      const { offset } = record
      const one = { ...batch, from: offset, to: next?.offset ?? batch.to, records: [record] }
      await caution.alone({ what: 'batches', record: ofThisLife(record) }, batch.signal, (lethal) =>
        inTurn(takeOf({ ...one, lethal })),
      )
    }
    const from = records[taken]?.offset ?? batch.to
    await inTurn(takeOf(taken === 0 ? batch : { ...batch, from, records: records.slice(taken) }))
  }

  const takeOf = (batch: Batch) => () => take(batch)
  const ofThisLife = (record: RawRecord): RawRecord => (life === undefined ? record : { ...record, life })

  async function take(batch: Batch): Promise<void> {
    if (isReleased) throw new TroupeError('TROUPE_FENCED', `${topic}[${partition}] was let go of.`)
    const { signal, unlink } = linked(batch.signal, options.signal)
    const beganMs = performance.now()
    try {
      await handleAll(batch, signal)
      options.onTook?.((performance.now() - beganMs) / 1_000)
    } finally {
      unlink()
    }
    if (!options.relay.hasRoom) await roomOrEnd(batch)
  }

  /** Holds back the next batch while too much waits for Kafka. The one before it is settled, whatever happens. */
  async function roomOrEnd(batch: ReceivedBatch): Promise<void> {
    const { signal, unlink } = linked(batch.signal, options.signal, options.stopping)
    try {
      await isDoneBefore(signal, options.relay.room())
    } finally {
      unlink()
    }
  }

  async function handleAll(batch: Batch, signal: AbortSignal): Promise<void> {
    const due = stored ?? batch.from
    const since = due <= batch.from ? batch.records : batch.records.filter(({ offset }) => offset >= due)
    const fresh = life === undefined ? since : since.map(ofThisLife)
    const [oldest] = fresh
    if (oldest) options.onStage?.('receive', Math.max(0, options.now() - oldest.timestampMs) / 1_000)
    const decoding = () =>
      options.dependencies.insist('registry', 'decode a batch', () => decodeFresh(fresh), signal, {
        isProof: false,
        isFatal: (error) => isTroupeError(error, 'TROUPE_SCHEMA_AWAITED'),
      })
    const { lethal } = batch
    const heard = lethal
      ? fresh.map((record): Heard => ({ record, failure: lethal }))
      : await timed('decode', options.onStage, () => withSchemas('decode a batch', decoding, signal))
    const outcomes: Outcomes = new WeakMap()
    const whole = chunksOf(heard, options.batchEventsMax)
    const chunks = options.inTables ? whole.flatMap(cutBeforeCalls) : whole
    for (const [place, chunk] of chunks.entries()) {
      const isLast = place === chunks.length - 1
      await handleTraced(chunk, isLast ? batch.to : endOf(chunk), { signal, outcomes })
    }
    if (reached === undefined || reached < batch.to) reached = batch.to
    options.onReached(reached)
    keepIfBehind()
  }

  async function handleTraced(chunk: readonly Heard[], to: bigint, batch: Omit<InHand, 'spans'>) {
    const { tracing } = options
    const spans = tracing && new Map(chunk.map((heard) => [heard, tracing.process(heard)]))
    try {
      await handle(chunk, to, { ...batch, spans })
    } catch (error) {
      options.keptResults.abandon(performKeysOf(deliveriesOf(chunk), options.deciding))
      // Whoever has the partition next says what becomes of them.
      for (const span of spans?.values() ?? []) span.failed('abandoned', error)
      throw error
    }
  }

  function withSchemas<T>(doing: string, attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { onWaitingForSchema: onWaiting } = options
    return awaitSchemas(doing, attempt, signal, { ...options, facts: { topic, partition }, onWaiting })
  }

  /** Passed over once: a batch is decoded again where a schema was waited for. */
  async function decodeFresh(fresh: ReceivedBatch['records']): Promise<readonly Heard[]> {
    const passed: [PassedOver, RawRecord][] = []
    const heard = await decode(options.service, options.codec, fresh, (...one) => void passed.push(one))
    for (const one of passed) options.onPassedOver?.(...one)
    return heard
  }

  /** Settles a chunk. If the database refuses it, halves it until the guilty event stands alone. */
  async function handle(
    chunk: readonly Heard[],
    to: bigint,
    batch: InHand,
    refusal?: { readonly error: unknown },
  ): Promise<void> {
    const { tracing } = options
    const spans = batch.spans && chunk.flatMap((heard) => batch.spans?.get(heard) ?? [])
    try {
      const settling = () => settleChunk(chunk, to, batch, refusal)
      const work = () => withSchemas('decide on a batch', settling, batch.signal)
      await (tracing && spans ? tracing.batch({ topic, partition }, spans, work) : work())
      stored = to
      reached = to
      for (const span of spans ?? []) span.committed()
    } catch (error) {
      if (retryVerdictOf(error) !== 'blame' || refusal) throw error
      if (chunk.length <= 1) return handle(chunk, to, batch, { error })
      const middle = Math.ceil(chunk.length / 2)
      const first = chunk.slice(0, middle)
      await handle(first, endOf(first), batch)
      await handle(chunk.slice(middle), to, batch)
    }
  }

  async function settleChunk(
    chunk: readonly Heard[],
    to: bigint,
    { signal, outcomes, spans }: InHand,
    refusal: { readonly error: unknown } | undefined,
  ): Promise<void> {
    const { deciding, service } = options
    const deliveries = deliveriesOf(chunk)
    const { request, reads, failed } = recallFor(deliveries, (causeId) =>
      idsOf(deciding.deriveId, service.name, causeId),
    )
    let index = 0
    const turns: Turn[] = chunk.map((heard) => {
      const span = spans?.get(heard)
      if (!heard.delivery) return { heard, reads: [], span }
      const at = index++
      if (refusal) return { heard, reads: [], span, refusal: refusal.error }
      return {
        heard,
        reads: reads[at] ?? [],
        span,
        // Somebody may throw undefined: that it failed is what counts.
        ...(failed.has(at) ? { refusal: failed.get(at) } : {}),
      }
    })
    const performed = performKeysOf(deliveries, deciding)
    const asked = (conflicts: number): RecallRequest => ({
      ...request,
      keys: parked.keysOf(chunk, conflicts),
      ...(performed.length > 0 ? { performed } : {}),
    })
    const move: PositionMove = { topic, partition, epoch, from: stored, to }
    const how = (mayWait: boolean): DecideOptions => ({
      ...options,
      deciding: { ...deciding, timeMs: options.now() },
      signal,
      outcomes,
      mayWait,
      makesTrials: false,
    })
    const stillDue = (set: WorkingSet) => keysStillDue(deliveries, set, deciding)
    const settling = { ...options, signal, callsOutside: performed.length > 0, stillDue, onSettled }
    const { inTables } = options
    if (!inTables || !turns.some(usesTables)) {
      await recallAndSettle(asked, move, (set, mayWait) => decideAll(turns, set, how(mayWait)), settling)
      return
    }
    const inSql = (set: WorkingSet, transacting: Transacting) =>
      decideAll(turns, set, { ...how(false), transacting })
    for (;;) {
      if (performed.length > 0) await callAhead(turns, asked(0), how(true))
      try {
        await recallAndTransact(asked, move, inSql, { ...settling, inTables })
        return
      } catch (error) {
        // Since the calls were made somebody has changed which of them are due.
        if (error !== mustWait) throw error
      }
    }
  }

  /** Makes the calls to the outside that are due, while no transaction is open. */
  async function callAhead(
    turns: readonly Turn[],
    request: RecallRequest,
    how: DecideOptions,
  ): Promise<void> {
    const recall = () => options.ledger.recall(request)
    const recalled = await options.dependencies.insist('database', 'recall', recall, how.signal)
    await performAhead(turns.filter(callsOutside), workingSet(recalled), how)
  }

  function onSettled(work: Work): void {
    parked.noted(work.parking)
    options.onSettled?.(work)
  }

  /** Holds back the next batch while too much is parked: not in turn, so that it can be tried again. */
  async function room(until: AbortSignal): Promise<void> {
    const { signal, unlink } = linked(until, options.signal, options.stopping, fencing.signal)
    try {
      await parked.room(signal)
    } finally {
      unlink()
    }
  }

  function fence(): PositionMove | undefined {
    if (isReleased || isFenced) return undefined
    return { topic, partition, epoch, from: stored, to: stored }
  }

  function keepIfBehind(): void {
    if (reached !== stored && !isFenced)
      keepTimer ??= setTimeout(keepLater, options.passedKeptAfterMs).unref()
  }

  function keepLater(): void {
    keepTimer = undefined
    void inTurn(async () => {
      if (isReleased) return
      await keepPosition()
      keepIfBehind()
    })
  }

  /**
   * Writes the position past records that concern nobody here. Nobody would miss them, but a position that
   * stayed behind would one day lie before what the topic still holds.
   */
  async function keepPosition(): Promise<void> {
    const isBehind = reached !== undefined && reached !== stored
    const position =
      isBehind && reached !== undefined ? { topic, partition, epoch, from: stored, to: reached } : undefined
    const { signal, unlink } = linked(options.signal, AbortSignal.timeout(keepTimeoutMs))
    try {
      await settle({ ...nothing, position }, { ...options, signal })
      stored = position?.to ?? stored
    } catch (error) {
      isFenced = isTroupeError(error, 'TROUPE_FENCED')
      options.log.debug({ topic, partition, err: error }, 'the position past unheard records was not kept')
    } finally {
      unlink()
    }
  }

  async function handOver(): Promise<void> {
    const { signal, unlink } = linked(options.signal, AbortSignal.timeout(handOverMs))
    try {
      await isDoneBefore(signal, options.relay.drained())
    } catch (error) {
      options.log.debug({ topic, partition, err: error }, 'let go of while its events wait for Kafka')
    } finally {
      unlink()
    }
    await keepPosition()
  }

  return {
    next: claim.next,
    parked,
    retry: createRetry(options, { parked, caution, inTurn, fence, released: releasing.signal, fencing }),
    topicId: claim.topicId,
    take: takeWithCare,
    recount: () => inTurn(() => (isReleased ? Promise.resolve() : parked.count())),
    room,
    fenced: fencing.signal,
    async release() {
      if (isReleased) return
      isReleased = true
      releasing.abort()
      clearTimeout(keepTimer)
      // What is under way ends first.
      await inTurn(async () => {})
      await handOver()
      await caution.release()
      options.onReleased()
    },
  }
}

function chunksOf(heard: readonly Heard[], eventsMax: number): readonly (readonly Heard[])[] {
  const chunks: (readonly Heard[])[] = []
  for (let start = 0; start < heard.length; start += eventsMax)
    chunks.push(heard.slice(start, start + eventsMax))
  return chunks
}

/**
 * Cuts a chunk some of which calls the outside and some of which decides in SQL: calls are made before the
 * transaction, so that what goes before a call, of its key or step, has to be settled by then.
 */
function cutBeforeCalls(chunk: readonly Heard[]): readonly (readonly Heard[])[] {
  const turns = chunk.map((heard) => ({ heard }))
  if (!turns.some(usesTables) || !turns.some(callsOutside)) return [chunk]
  const parts: Heard[][] = [[]]
  const names = new Set<string>()
  for (const turn of turns) {
    const own = namesIn(turn)
    if (callsOutside(turn) && own.some((name) => names.has(name))) {
      parts.push([])
      names.clear()
    }
    parts.at(-1)?.push(turn.heard)
    for (const name of own) names.add(name)
  }
  return parts
}

function deliveriesOf(chunk: readonly Heard[]): readonly Delivery[] {
  return chunk.flatMap(({ delivery }) => delivery ?? [])
}

function endOf(chunk: readonly Heard[]): bigint {
  const last = chunk.at(-1)
  if (!last) throw new RangeError('an empty chunk has no end')
  return last.record.offset + 1n
}
