import { laneOf as keyOf, type Log, type TopicPartition, TroupeError } from '@troupe/core'
import { bulkhead } from 'cockatiel'
import { coordinatorRefusal } from './ask-coordinator.ts'
import { createBackoff } from './backoff.ts'
import type { KafkaConnection } from './client.ts'
import { ConsumerSession } from './consumer-session.ts'
import { denialOf } from './denial.ts'
import { problemOf } from './kafka-error.ts'
import { onWire } from './namespace.ts'
import { PartitionLane } from './partition-lane.ts'
import type { PartitionState, PartitionWork, ReceiverFailure } from './partition-work.ts'
import { settlesWithin } from './settles-within.ts'

/**
 * A member of a consumer group that reads from positions of its own.
 *
 * Invariants
 * 1. Where to read is what `assign` says, never what Kafka has committed; that is written now and then, as a
 *    hint for lag tools.
 * 2. kafkajs is never made to wait and never sees an error of a handler: each partition has a lane that
 *    buffers, hands over and retries by itself. So heartbeats go on however long a take lasts, and no
 *    partition holds back or replays another.
 * 3. A partition has at most one lane that is not released; the next one begins after it.
 * 4. Lanes belong to one consumer. When that crashes they are lost, and the next one claims anew.
 *
 * phase      | start   | joined    | crashed    | stop
 * idle       | joining | -         | -          | stopped
 * joining    | -       | receiving | recovering | stopping
 * receiving  | -       | receiving | recovering | stopping
 * recovering | -       | receiving | recovering | stopping
 * stopping   | -       | -         | stopping   | -            → stopped, when the group is left
 */
export type ReceiverPhase = 'idle' | 'joining' | 'receiving' | 'recovering' | 'stopping' | 'stopped'

export interface ReceiverOptions {
  readonly connection: KafkaConnection
  readonly groupId: string
  /** They must exist: see `ensureTopics`. */
  readonly topics: readonly string[]
  readonly log: Log
  /** Takes a partition over. Tried again, with backoff, until it resolves or the partition is lost. */
  assign(partition: TopicPartition): Promise<PartitionWork>
  readonly tuning?: ReceiverTuning
}

/** The defaults rebalance within a fifth of a second and are safe on a real broker. */
export interface ReceiverTuning {
  /** Default 200: how soon a rebalance is noticed. */
  readonly heartbeatIntervalMs?: number
  /** Default 10,000: how soon a member that died is replaced. A real broker allows 6,000 and more. */
  readonly sessionTimeoutMs?: number
  /** Default 60,000: how long the group waits for a member that has to join again. */
  readonly rebalanceTimeoutMs?: number
  /** Default 100: how long the broker holds a fetch that finds nothing. */
  readonly fetchWaitMs?: number
  /** Default 5 MiB: at most this much per request. */
  readonly fetchBytesMax?: number
  /** Default 1 MiB: at most this much per request and partition, and about as much waits in memory. */
  readonly fetchBytesPerPartitionMax?: number
  /** Default 16: takes under way at one time. */
  readonly partitionsConcurrently?: number
  /** Default 1,000: records in one take. */
  readonly batchRecordsMax?: number
  /** Default 5,000: how often settled positions are committed to Kafka, as a hint. */
  readonly hintIntervalMs?: number
}

export interface ReceiverState {
  readonly phase: ReceiverPhase
  /** When the phase began, in milliseconds since the epoch. */
  readonly sinceMs: number
  /** Set while no fetch has succeeded for some seconds although the group was joined: since when. */
  readonly silentSinceMs?: number
  /** Why it recovers. */
  readonly problem?: string
  readonly partitions: readonly PartitionState[]
}

export interface PartitionLag extends TopicPartition {
  /** Records between the settled position and the partition's end as far as it is known. */
  readonly lag: bigint
}

export interface Receiver {
  /** Resolves once the group is joined and every assigned partition is claimed. Tries until then; may be called again to wait for the same. @throws TroupeError `TROUPE_STOPPED`; `TROUPE_ACCESS_DENIED` if Kafka denies the group or a topic before it was joined, though it is tried on */
  start(): Promise<void>
  /** Lets takes that are pending end, for at most `graceMs` (default 10,000), then aborts them; leaves the group. */
  stop(options?: { readonly graceMs?: number }): Promise<void>
  readonly state: ReceiverState
  /** Of each partition that is claimed, as of the last fetch. */
  lag(): readonly PartitionLag[]
  /** Tells of every failure, also those that will be tried again. Returns how to stop listening. */
  onFailure(listener: (failure: ReceiverFailure) => void): () => void
}

const silentAfterMs = 5_000
const steadyAfterMs = 30_000

/**
 * Inert until it is started.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID` if there is no topic to read.
 */
export function createReceiver(options: ReceiverOptions): Receiver {
  if (options.topics.length === 0) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `The receiver of group ${options.groupId} has no topic to read. Name one, or create no receiver.`,
    )
  }
  return new GroupReceiver(options)
}

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
  #fetchedAtMs = 0
  #running: Promise<void> = Promise.resolve()
  #firstJoin: () => void = () => undefined
  #firstDenial: (denial: TroupeError) => void = () => undefined
  #started: Promise<void> | undefined
  #stopped: Promise<void> | undefined
  #graceMs = 0

  constructor(options: ReceiverOptions) {
    this.#options = options
    this.#tuning = {
      heartbeatIntervalMs: 200,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      fetchWaitMs: 100,
      fetchBytesMax: 5 * 1024 * 1024,
      fetchBytesPerPartitionMax: 1024 * 1024,
      partitionsConcurrently: 16,
      batchRecordsMax: 1_000,
      hintIntervalMs: 5_000,
      ...options.tuning,
    }
    this.#turns = bulkhead(this.#tuning.partitionsConcurrently, Number.POSITIVE_INFINITY)
  }

  get state(): ReceiverState {
    const isSilent = this.#phase === 'receiving' && Date.now() - this.#fetchedAtMs > silentAfterMs
    return {
      phase: this.#phase,
      sinceMs: this.#sinceMs,
      ...(isSilent && { silentSinceMs: this.#fetchedAtMs }),
      ...(this.#problem !== undefined && { problem: this.#problem }),
      partitions: [...this.#lanes.values()].map((lane) => lane.state),
    }
  }

  lag(): readonly PartitionLag[] {
    return this.state.partitions.flatMap(({ topic, partition, position, highWatermark }) =>
      position === undefined || highWatermark === undefined
        ? []
        : [{ topic, partition, lag: highWatermark > position ? highWatermark - position : 0n }],
    )
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
    this.#running = this.#run()
    await Promise.race([joined, this.#running])
    if (this.#stopping.signal.aborted) throw stoppedError(this.#options.groupId)
  }

  stop({ graceMs = 10_000 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#stopped ??= this.#stop(graceMs)
    return this.#stopped
  }

  async #stop(graceMs: number): Promise<void> {
    this.#graceMs = graceMs
    this.#enter('stopping')
    this.#stopping.abort()
    await this.#running
    await settlesWithin(Promise.all(this.#leaving.values()), graceMs)
    this.#enter('stopped')
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
      const session: ConsumerSession = new ConsumerSession(
        { ...this.#options, tuning: this.#tuning, formerMemberId: memberId },
        {
          joined: (assigned) => this.#joined(session, assigned),
          fetched: () => {
            this.#fetchedAtMs = Date.now()
          },
          lane: (partition) => this.#lanes.get(keyOf(partition)),
          lanes: () => [...this.#lanes.values()],
        },
      )
      const error = await session.untilItEnds(this.#stopping.signal)
      if (this.#stopping.signal.aborted) await this.#settleAndLeave(session)
      else this.#loseAll()
      await session.close()
      memberId = session.memberId ?? memberId
      // A session that ends as soon as it began is no reason to hurry.
      if (session.joinedForMs > steadyAfterMs) backoff.reset()
      if (this.#stopping.signal.aborted) break
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

  async #settleAndLeave(session: ConsumerSession): Promise<void> {
    const lanes = [...this.#lanes.values()]
    for (const lane of lanes) lane.finish()
    const all = Promise.all(lanes.map((lane) => lane.released))
    if (!(await settlesWithin(all, this.#graceMs))) {
      this.#options.log.warn({ groupId: this.#options.groupId }, 'no more time: aborting what is under way')
      for (const lane of lanes) lane.lose()
      await settlesWithin(all, this.#graceMs)
    }
    await session.commitHints()
    this.#lanes.clear()
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

  #joined(session: ConsumerSession, assigned: readonly TopicPartition[]): void {
    if (this.#stopping.signal.aborted) {
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
    this.#fetchedAtMs = Date.now()
    this.#enter('receiving')
    log.info({ groupId, partitions: [...after.keys()], lost }, 'joined the consumer group')
    void Promise.all([...this.#lanes.values()].map((lane) => lane.ready)).then(this.#firstJoin)
  }

  /** Lanes that are lost and not released yet: a lane that follows waits for them. */
  readonly #leaving = new Map<string, Promise<void>>()

  #laneFor(session: ConsumerSession, key: string, partition: TopicPartition): PartitionLane {
    return new PartitionLane({
      partition,
      feed: session.feed,
      log: this.#options.log,
      assign: (one) => this.#options.assign(one),
      inTurn: (task) => this.#turns.execute(task),
      onFailure: (failure) => this.#tell(failure),
      after: this.#leaving.get(key) ?? Promise.resolve(),
      bufferBytesMax: this.#tuning.fetchBytesPerPartitionMax,
      batchRecordsMax: this.#tuning.batchRecordsMax,
    })
  }

  #tell(failure: ReceiverFailure): void {
    for (const listener of this.#listeners) listener(failure)
  }
}

function stoppedError(groupId: string): TroupeError {
  return new TroupeError('TROUPE_STOPPED', `The receiver of group ${groupId} is stopped. Create another one.`)
}
