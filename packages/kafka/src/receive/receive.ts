import { isTroupeError, laneOf as keyOf, type TopicPartition, TroupeError } from '@troupe/core'
import { bulkhead } from 'cockatiel'
import { coordinatorRefusal } from './ask-coordinator.ts'
import { createBackoff } from '../client/backoff.ts'
import { BufferBudget } from './buffer-budget.ts'
import { ConsumerSession, type SessionListener, type SessionOptions } from './consumer-session.ts'
import { denialOf } from '../client/denial.ts'
import { GrowthGate, type Reading } from './growth-gate.ts'
import { problemOf } from '../client/kafka-error.ts'
import { onWire } from '../client/namespace.ts'
import { PartitionLane } from './partition-lane.ts'
import type { ReceiverFailure } from './partition-work.ts'
import {
  type PartitionLag,
  type ReceiverOptions,
  type ReceiverPhase,
  type ReceiverState,
  type ReceiverTuning,
  type RestartReason,
  tuningOf,
} from './receiver-options.ts'
import { settlesWithin } from '../client/settles-within.ts'
import type { Sight } from './stall.ts'
import { Watchdog } from './watchdog.ts'

export interface Receiver {
  /** Resolves once the group is joined and every assigned partition is claimed. Tries until then; may be called again to wait for the same. @throws TroupeError `TROUPE_STOPPED`; `TROUPE_ACCESS_DENIED` if Kafka denies the group or a topic before it was joined, though it is tried on */
  start(): Promise<void>
  /** Lets takes that are pending end, for at most `graceMs` (default 10,000), then aborts them; leaves the group. Takes little more than `graceMs` in all. */
  stop(options?: { readonly graceMs?: number }): Promise<void>
  readonly state: ReceiverState
  /** Of each partition that is claimed, by the end of its log when a broker told it last: some seconds ago at most, unless none answers. */
  lag(): readonly PartitionLag[]
  /** Tells of every failure, also those that will be tried again. Returns how to stop listening. */
  onFailure(listener: (failure: ReceiverFailure) => void): () => void
}

const silentAfterMs = 5_000
const steadyAfterMs = 30_000
/** What a stop may take beyond its grace time, at each of its few steps. */
const noticeMs = 250
/** How long the next lane of a partition waits for the one before it. */
const leavingMaxMs = 30_000

/**
 * Inert until it is started.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID` if there is no topic to read.
 */
export function createReceiver(options: ReceiverOptions): Receiver {
  return receiverOf(options, (...given) => new ConsumerSession(...given))
}

/** What a receiver makes of its consumers. */
export type Session = Pick<
  ConsumerSession,
  'feed' | 'memberId' | 'joinedForMs' | 'untilItEnds' | 'end' | 'commitHints' | 'close'
>
export type OpenSession = (options: SessionOptions, listener: SessionListener) => Session

/** A receiver whose consumers somebody else makes. */
export function receiverOf(options: ReceiverOptions, openSession: OpenSession): Receiver {
  if (options.topics.length === 0) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `The receiver of group ${options.groupId} has no topic to read. Name one, or create no receiver.`,
    )
  }
  return new GroupReceiver(options, openSession)
}

/**
 * A member of a consumer group that reads from positions of its own.
 *
 * Invariants
 * 1. Where to read is what `assign` says, never what Kafka has committed; that is written now and then, as a
 *    hint for lag tools.
 * 2. kafkajs is never made to wait and never sees an error of a handler: each partition has a lane that
 *    buffers, hands over and retries by itself. So heartbeats go on however long a take lasts, and no
 *    partition holds back or replays another.
 * 3. A partition has at most one lane that is not released; the next one begins after it, or
 *    when that one has not ended long after it was aborted: its writes are fenced by then.
 * 4. Lanes belong to one consumer. When that crashes, or the watchdog finds it standing still, they are lost,
 *    and the next one claims anew. One that joins while it is being closed gets none: nobody would serve them.
 *
 * phase      | start   | joined    | crashed    | stop
 * idle       | joining | -         | -          | stopped
 * joining    | -       | receiving | recovering | stopping
 * receiving  | -       | receiving | recovering | stopping
 * recovering | -       | receiving | recovering | stopping
 * stopping   | -       | -         | stopping   | -            → stopped, when the group is left
 */
class GroupReceiver implements Receiver {
  readonly #options: ReceiverOptions
  readonly #tuning: Required<ReceiverTuning>
  readonly #stopping = new AbortController()
  readonly #listeners = new Set<(failure: ReceiverFailure) => void>()
  readonly #lanes = new Map<string, PartitionLane>()
  readonly #turns: ReturnType<typeof bulkhead>
  #phase: ReceiverPhase = 'idle'
  #sinceMs = Date.now()
  #problem: string | undefined
  #fetchedAtMs = Date.now()
  /** The same on a clock that never goes back: what is decided goes by this one. */
  #fetchedAt = performance.now()
  #isRebalancing = false
  readonly #restarts: Record<RestartReason, number> = { crashed: 0, stalled: 0 }
  readonly #watchdog: Watchdog
  readonly #budget: BufferBudget
  readonly #openSession: OpenSession
  #session: Session | undefined
  #running: Promise<void> = Promise.resolve()
  #firstJoin: () => void = () => undefined
  #firstDenial: (denial: TroupeError) => void = () => undefined
  #started: Promise<void> | undefined
  #stopped: Promise<void> | undefined
  /** When a stop has to be through, on the clock that never goes back. */
  #deadline = Number.POSITIVE_INFINITY

  constructor(options: ReceiverOptions, openSession: OpenSession) {
    this.#options = options
    this.#openSession = openSession
    this.#tuning = tuningOf(options.tuning)
    this.#turns = bulkhead(this.#tuning.partitionsConcurrently, Number.POSITIVE_INFINITY)
    this.#budget = new BufferBudget(this.#tuning.bufferBytesMax, () => {
      for (const lane of this.#lanes.values()) lane.look()
    })
    this.#watchdog = new Watchdog({
      ...options,
      ...this.#tuning,
      everyMs: this.#tuning.watchIntervalMs,
      look: (ends) => this.#look(ends),
      onStall: (why) => this.#giveUp(why),
    })
  }

  get state(): ReceiverState {
    const isSilent = this.#phase === 'receiving' && Date.now() - this.#fetchedAtMs > silentAfterMs
    return {
      phase: this.#phase,
      sinceMs: this.#sinceMs,
      ...(isSilent && { silentSinceMs: this.#fetchedAtMs }),
      ...(this.#problem !== undefined && { problem: this.#problem }),
      restarts: { ...this.#restarts },
      partitions: [...this.#lanes.values()].map((lane) => lane.state),
    }
  }

  lag(): readonly PartitionLag[] {
    return this.state.partitions.flatMap(({ topic, partition, position, highWatermark }) => {
      if (position === undefined || highWatermark === undefined) return []
      const asked = this.#watchdog.ends.get(keyOf({ topic, partition })) ?? 0n
      const end = asked > highWatermark ? asked : highWatermark
      return [{ topic, partition, lag: end > position ? end - position : 0n }]
    })
  }

  onFailure(listener: (failure: ReceiverFailure) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  start(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  async #start(): Promise<void> {
    if (this.#phase !== 'idle') throw stoppedError(this.#options.groupId)
    this.#enter('joining')
    const joined = new Promise<void>((resolve, reject) => {
      this.#firstJoin = resolve
      this.#firstDenial = reject
    })
    this.#watchdog.start()
    this.#running = this.#run()
    await Promise.race([joined, this.#running])
    if (this.#stopping.signal.aborted) throw stoppedError(this.#options.groupId)
  }

  stop({ graceMs = 10_000 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#stopped ??= this.#stop(graceMs)
    return this.#stopped
  }

  async #stop(graceMs: number): Promise<void> {
    this.#deadline = performance.now() + graceMs
    this.#enter('stopping')
    this.#stopping.abort()
    await Promise.all([this.#running, this.#watchdog.stop()])
    await settlesWithin(Promise.all(this.#leaving.values()), this.#leftMs)
    this.#enter('stopped')
  }

  /** Of the grace time, and in any case enough to notice that it is over. */
  get #leftMs(): number {
    return Math.max(noticeMs, this.#deadline - performance.now())
  }

  #enter(phase: ReceiverPhase): void {
    if (this.#phase === phase) return
    this.#phase = phase
    this.#sinceMs = Date.now()
  }

  /** One consumer after the other, until the stop. */
  async #run(): Promise<void> {
    const { log, groupId } = this.#options
    const backoff = createBackoff({ initialDelayMs: 100, maxDelayMs: 5_000 })
    let memberId: string | undefined
    while (!this.#stopping.signal.aborted) {
      const session: Session = this.#openSession(
        { ...this.#options, tuning: this.#tuning, formerMemberId: memberId },
        {
          joined: (assigned) => this.#joined(session, assigned),
          rebalancing: () => {
            if (session === this.#session) this.#isRebalancing = true
          },
          fetched: () => this.#fetched(),
          lane: (partition) => this.#lanes.get(keyOf(partition)),
          lanes: () => [...this.#lanes.values()],
        },
      )
      this.#session = session
      const error = await session.untilItEnds(this.#stopping.signal)
      this.#session = undefined
      if (this.#stopping.signal.aborted) await this.#settleAndLeave(session)
      else this.#loseAll()
      await session.close(this.#leftMs)
      memberId = session.memberId ?? memberId
      // A session that ends as soon as it began is no reason to hurry.
      if (session.joinedForMs > steadyAfterMs) backoff.reset()
      if (this.#stopping.signal.aborted) break
      this.#restarts[isTroupeError(error, 'TROUPE_CONSUMER_STALLED') ? 'stalled' : 'crashed'] += 1
      const denial = await this.#denialOf(error)
      this.#problem = (denial ?? problemOf(error)).message
      this.#enter('recovering')
      log.warn({ groupId, attempt: backoff.attempts + 1, problem: this.#problem }, 'lost Kafka; trying again')
      this.#tell({ kind: 'connection', error: denial ?? error, attempt: backoff.attempts + 1 })
      if (denial) this.#firstDenial(denial)
      await backoff.wait(this.#stopping.signal)
    }
  }

  async #denialOf(error: unknown): Promise<TroupeError | undefined> {
    const { connection, topics, groupId } = this.#options
    const group = onWire(connection, groupId)
    const isUnsaid = problemOf(error).name === 'KafkaJSGroupCoordinatorNotFound'
    return denialOf(isUnsaid ? await coordinatorRefusal(connection, group) : error, connection, {
      operation: 'Read',
      topics: topics.map((topic) => onWire(connection, topic)),
      group,
    })
  }

  async #settleAndLeave(session: Session): Promise<void> {
    const lanes = [...this.#lanes.values()]
    for (const lane of lanes) lane.finish()
    const all = Promise.all(lanes.map((lane) => lane.released))
    if (!(await settlesWithin(all, Math.max(0, this.#deadline - performance.now())))) {
      this.#options.log.warn({ groupId: this.#options.groupId }, 'no more time: aborting what is under way')
      for (const lane of lanes) lane.lose()
      await settlesWithin(all, noticeMs)
    }
    await session.commitHints(this.#leftMs)
    this.#lanes.clear()
  }

  #fetched(): void {
    this.#fetchedAtMs = Date.now()
    this.#fetchedAt = performance.now()
  }

  /** What the watchdog judges: nothing while no group is joined. */
  #look(ends: ReadonlyMap<string, bigint>): Sight | undefined {
    if (this.#phase !== 'receiving') return undefined
    return {
      nowMs: performance.now(),
      fetchedAtMs: this.#fetchedAt,
      isRebalancing: this.#isRebalancing,
      lanes: [...this.#lanes.values()].map(({ sight }) => ({ ...sight, end: ends.get(sight.name) })),
    }
  }

  #giveUp(why: string): void {
    this.#session?.end(
      new TroupeError(
        'TROUPE_CONSUMER_STALLED',
        `The consumer of group ${this.#options.groupId} stands still: ${why}. It is given up, and another one made.`,
      ),
    )
  }

  #loseAll(): void {
    for (const [key, lane] of this.#lanes) this.#lose(key, lane)
  }

  #lose(key: string, lane: PartitionLane): void {
    lane.lose()
    this.#lanes.delete(key)
    this.#leaving.set(key, lane.released)
    void lane.released.then(() => {
      if (this.#leaving.get(key) === lane.released) this.#leaving.delete(key)
    })
  }

  #joined(session: Session, assigned: readonly TopicPartition[]): void {
    if (session !== this.#session || this.#stopping.signal.aborted) {
      for (const partition of assigned) session.feed.pause(partition)
      return
    }
    const { log, groupId } = this.#options
    const before = new Set(this.#lanes.keys())
    const after = new Map(assigned.map((partition) => [keyOf(partition), partition]))
    const lost = [...before].filter((key) => !after.has(key))
    for (const [key, lane] of this.#lanes) {
      if (after.has(key)) lane.keep()
      else this.#lose(key, lane)
    }
    for (const [key, partition] of after) {
      if (!before.has(key)) this.#lanes.set(key, this.#laneFor(session, key, partition))
    }
    this.#problem = undefined
    this.#isRebalancing = false
    this.#fetched()
    this.#enter('receiving')
    log.info({ groupId, partitions: [...after.keys()], lost }, 'joined the consumer group')
    void Promise.all([...this.#lanes.values()].map((lane) => lane.ready)).then(this.#firstJoin)
  }

  /** Lanes that are lost and not released yet: a lane that follows waits for them. */
  readonly #leaving = new Map<string, Promise<void>>()

  #laneFor(session: Session, key: string, partition: TopicPartition): PartitionLane {
    return new PartitionLane({
      partition,
      feed: session.feed,
      log: this.#options.log,
      assign: (...claimed) => this.#options.assign(...claimed),
      inTurn: (task) => this.#turns.execute(task),
      onFailure: (failure) => this.#tell(failure),
      after: this.#afterLeaving(key),
      bufferBytesMax: this.#tuning.fetchBytesPerPartitionMax,
      budget: this.#budget,
      batchRecordsMax: this.#tuning.batchRecordsMax,
      onDataLoss: this.#options.onDataLoss ?? 'halt',
      gate: new GrowthGate({ feed: session.feed, readingOf: (one) => this.#readingOf(one) }),
    })
  }

  async #readingOf(partition: TopicPartition): Promise<Reading> {
    const lane = this.#lanes.get(keyOf(partition))
    if (lane) {
      await lane.ready
      return lane.reading
    }
    const position = await this.#options.positionOf?.(partition)
    return { isOld: position !== undefined, position }
  }

  /**
   * A take that heeds no signal must not hold its partition for ever: what it still writes is fenced by the
   * next claim.
   */
  async #afterLeaving(key: string): Promise<void> {
    const leaving = this.#leaving.get(key)
    if (!leaving || (await settlesWithin(leaving, leavingMaxMs))) return
    this.#options.log.error(
      { groupId: this.#options.groupId, partition: key },
      `what was under way in ${key} did not end in ${leavingMaxMs} ms after it was aborted; the partition is claimed anew without waiting for it`,
    )
  }

  #tell(failure: ReceiverFailure): void {
    for (const listener of this.#listeners) listener(failure)
  }
}

function stoppedError(groupId: string): TroupeError {
  return new TroupeError('TROUPE_STOPPED', `The receiver of group ${groupId} is stopped. Create another one.`)
}
