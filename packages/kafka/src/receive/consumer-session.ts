import { laneOf as keyOf, type Log, messageOf, type TopicPartition, TroupeError } from '@troupe/core'
import { type Cluster, type Consumer, PartitionAssigners } from 'kafkajs'
import { askTopicId } from './ask-topic-id.ts'
import type { KafkaClient, KafkaConnection } from '../client/client.ts'
import { problemOf } from '../client/kafka-error.ts'
import { offWire, onWire } from '../client/namespace.ts'
import type { PartitionLane } from './partition-lane.ts'
import type { Feed } from './partition-work.ts'
import { decodeFetches } from './own-fetch.ts'
import { settlesWithin } from '../client/settles-within.ts'

/** Whom a session tells what happens. */
export interface SessionListener {
  /** The group was joined, for the first time or again: these partitions, and no others, are ours. */
  joined(assigned: readonly TopicPartition[]): void
  /** The group is being joined again: nothing is fetched until it is. */
  rebalancing(): void
  /** The broker answered a fetch. */
  fetched(): void
  lane(partition: TopicPartition): PartitionLane | undefined
  lanes(): readonly PartitionLane[]
}

export interface SessionOptions {
  readonly connection: KafkaConnection
  readonly groupId: string
  readonly topics: readonly string[]
  readonly log: Log
  /** Who we were before a crash: the group need not wait for that member any more. */
  readonly formerMemberId: string | undefined
  readonly tuning: {
    readonly heartbeatIntervalMs: number
    readonly sessionTimeoutMs: number
    readonly rebalanceTimeoutMs: number
    readonly fetchWaitMs: number
    readonly fetchBytesMax: number
    readonly fetchBytesPerPartitionMax: number
    readonly hintIntervalMs: number
    readonly metadataMaxAgeMs: number
  }
}

/** What kafkajs's own consumer calls, and its types leave out. */
interface GroupCoordinator {
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>
}

const disconnectMs = 2_000
const hintMs = 1_000

/** One kafkajs consumer, from its connect to its crash or stop. */
export class ConsumerSession {
  readonly feed: Feed
  /** Set once the group was joined. */
  memberId: string | undefined
  #joinedAtMs: number | undefined
  readonly #client: KafkaClient
  readonly #consumer: Consumer
  readonly #options: SessionOptions
  readonly #listener: SessionListener
  readonly #hinted = new Map<string, bigint>()
  readonly #ended: Promise<unknown>
  #end: (error: unknown) => void = () => undefined
  #cluster: Cluster | undefined
  #hintTimer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(options: SessionOptions, listener: SessionListener) {
    const { tuning } = options
    this.#options = options
    this.#listener = listener
    this.#client = options.connection.open({
      onLogLine: ({ message, facts }) => {
        // The only place where kafkajs says so, before it goes to the start of the partition by itself.
        if (message.startsWith('Offset out of range'))
          listener.lane(this.#here(facts as unknown as TopicPartition))?.outOfRange()
      },
    })
    this.#consumer = this.#client.kafka.consumer({
      groupId: onWire(options.connection, options.groupId),
      partitionAssigners: [
        (config) => {
          this.#cluster = config.cluster
          decodeFetches(config.cluster, {
            log: options.log,
            nameOf: (wireName) => offWire(options.connection, wireName),
            onUnknown: (partition) => listener.lane(partition)?.unknown(),
          })
          return PartitionAssigners.roundRobin(config)
        },
      ],
      sessionTimeout: tuning.sessionTimeoutMs,
      rebalanceTimeout: tuning.rebalanceTimeoutMs,
      heartbeatInterval: tuning.heartbeatIntervalMs,
      maxWaitTimeInMs: tuning.fetchWaitMs,
      maxBytes: tuning.fetchBytesMax,
      maxBytesPerPartition: tuning.fetchBytesPerPartitionMax,
      metadataMaxAge: tuning.metadataMaxAgeMs,
      allowAutoTopicCreation: false,
      // A crash leaves a dead member behind in the group: try for some seconds before it comes to that.
      retry: { retries: 8, restartOnFailure: () => Promise.resolve(false) },
    })
    this.feed = this.#makeFeed()
    this.#ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#listen()
  }

  /** Gives this consumer up: `untilItEnds` resolves with the error. */
  end(error: unknown): void {
    this.#end(error)
  }

  /** How long ago the group was joined for the first time; 0 if it never was. */
  get joinedForMs(): number {
    return this.#joinedAtMs === undefined ? 0 : performance.now() - this.#joinedAtMs
  }

  /** Resolves with the reason why it ended, or with undefined when the signal aborts. */
  async untilItEnds(signal: AbortSignal): Promise<unknown> {
    const aborted = new Promise<undefined>((resolve) => {
      if (signal.aborted) resolve(undefined)
      signal.addEventListener('abort', () => resolve(undefined), { once: true })
    })
    return await Promise.race([aborted, this.#ended, this.#begin()])
  }

  /** Resolves with the error if it could not begin, and never if it could. */
  async #begin(): Promise<unknown> {
    try {
      await this.#consumer.connect()
      await this.#leaveAsFormerMember()
      const topics = this.#options.topics.map((topic) => this.#there(topic))
      await this.#consumer.subscribe({ topics, fromBeginning: true })
      await this.#consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        // Not async: nothing may come between what kafkajs fetched and what the lane makes of it.
        eachBatch: ({ batch, resolveOffset }) => {
          if (this.#listener.lane(this.#here(batch))?.offer(batch)) resolveOffset(batch.lastOffset())
          return Promise.resolve()
        },
      })
    } catch (error) {
      if (problemOf(error).type !== 'UNKNOWN_TOPIC_OR_PARTITION') return error
      const topics = this.#options.topics.map((topic) => this.#there(topic))
      return new TroupeError(
        'TROUPE_TOPIC_MISSING',
        `One of the topics ${topics.join(', ')} does not exist. Create it, or correct its name.`,
        { cause: error, details: { topics } },
      )
    }
    return await new Promise(() => undefined)
  }

  /**
   * A consumer of kafkajs that crashes leaves its member behind, and the group would wait for it until its
   * session times out.
   */
  async #leaveAsFormerMember(): Promise<void> {
    const { connection, formerMemberId, log } = this.#options
    if (formerMemberId === undefined) return
    const groupId = onWire(connection, this.#options.groupId)
    try {
      const coordinator = await this.#cluster?.findGroupCoordinator({ groupId })
      await (coordinator as unknown as GroupCoordinator).leaveGroup({ groupId, memberId: formerMemberId })
    } catch (error) {
      log.debug({ groupId, problem: messageOf(error) }, 'the former member has left the group already')
    }
  }

  #listen(): void {
    const { events } = this.#consumer
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      this.memberId = payload.memberId
      this.#joinedAtMs ??= performance.now()
      this.#listener.joined(
        Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
          partitions.map((partition) => this.#here({ topic, partition })),
        ),
      )
      this.#hintTimer ??= setInterval(
        () => void this.commitHints(),
        this.#options.tuning.hintIntervalMs,
      ).unref()
    })
    this.#consumer.on(events.REBALANCING, () => this.#listener.rebalancing())
    this.#consumer.on(events.FETCH, () => this.#listener.fetched())
    this.#consumer.on(events.START_BATCH_PROCESS, ({ payload }) => {
      if (payload.batchSize > 0) return
      const last = BigInt(payload.lastOffset)
      // Null where nothing at or after the asked offset was left, whatever the type says.
      const first = (payload.firstOffset as string | null) === null ? last : BigInt(payload.firstOffset)
      this.#listener.lane(this.#here(payload))?.skipped(first, last)
    })
    // Whatever kafkajs thinks of it: what it does not try again, a consumer of its own does.
    this.#consumer.on(events.CRASH, ({ payload }) => this.#end(payload.error))
  }

  #makeFeed(): Feed {
    return {
      pause: ({ topic, partition }) =>
        this.#ifRunning(() => this.#consumer.pause([{ topic: this.#there(topic), partitions: [partition] }])),
      resume: ({ topic, partition }) =>
        this.#ifRunning(() =>
          this.#consumer.resume([{ topic: this.#there(topic), partitions: [partition] }]),
        ),
      seek: ({ topic, partition }, offset) =>
        this.#ifRunning(() =>
          this.#consumer.seek({ topic: this.#there(topic), partition, offset: String(offset) }),
        ),
      rangeOf: async (partition) => {
        const [low, high] = await Promise.all([
          this.#offsetOf(partition, true),
          this.#offsetOf(partition, false),
        ])
        return { low, high }
      },
      topicIdOf: (partition) => this.#topicIdOf(partition),
    }
  }

  /** What Kafka calls a topic of ours. */
  #there(topic: string): string {
    return onWire(this.#options.connection, topic)
  }

  /** A partition as we call it. */
  #here({ topic, partition }: TopicPartition): TopicPartition {
    return { topic: offWire(this.#options.connection, topic), partition }
  }

  /** A consumer that is gone has nothing to pause: its successor is told anew. */
  #ifRunning(act: () => void): void {
    if (this.#isOver) return
    try {
      act()
    } catch (error) {
      this.#options.log.debug({ err: error }, 'the consumer is not running')
    }
  }

  async #offsetOf({ topic, partition }: TopicPartition, fromBeginning: boolean): Promise<bigint> {
    const found = await this.#cluster?.fetchTopicsOffset([
      { topic: this.#there(topic), partitions: [{ partition }], fromBeginning },
    ])
    const offset = found?.[0]?.partitions[0]?.offset
    if (offset === undefined) {
      throw new TroupeError(
        'TROUPE_TOPIC_MISSING',
        `No broker leads ${this.#there(topic)}[${partition}] at present.`,
      )
    }
    return BigInt(offset)
  }

  readonly #askedIds = new Map<string, Promise<string | undefined>>()

  /** All partitions of a topic that ask at one time share the answer. */
  #topicIdOf({ topic, partition }: TopicPartition): Promise<string | undefined> {
    const cluster = this.#cluster
    if (!cluster) return Promise.resolve(undefined)
    const asked =
      this.#askedIds.get(topic) ??
      askTopicId(cluster, { topic: this.#there(topic), partition }).finally(() =>
        this.#askedIds.delete(topic),
      )
    this.#askedIds.set(topic, asked)
    return asked
  }

  /** Commits settled positions for lag tools. Nothing depends on it. */
  async commitHints(withinMs = hintMs): Promise<void> {
    const offsets = this.#listener.lanes().flatMap(({ state }) => {
      const { topic, partition, position } = state
      if (position === undefined || this.#hinted.get(keyOf(state)) === position) return []
      return [{ topic, partition, offset: position }]
    })
    if (offsets.length === 0) return
    const wired = offsets.map(({ topic, partition, offset }) => ({
      topic: this.#there(topic),
      partition,
      offset: String(offset),
    }))
    const committed = this.#consumer.commitOffsets(wired).then(
      () => {
        for (const one of offsets) this.#hinted.set(keyOf(one), one.offset)
      },
      (error: unknown) => {
        this.#options.log.debug({ problem: messageOf(error) }, 'could not commit positions as a hint')
      },
    )
    await settlesWithin(committed, Math.min(withinMs, hintMs))
  }

  /** Says goodbye within the time; takes the sockets away in any case. */
  async close(withinMs = disconnectMs): Promise<void> {
    this.#isOver = true
    clearInterval(this.#hintTimer)
    const gone = this.#consumer.disconnect()
    await settlesWithin(gone, Math.min(withinMs, disconnectMs))
    this.#client.destroy()
    // Without sockets it ends soon, however silent the broker is.
    await settlesWithin(gone, Math.min(withinMs, disconnectMs))
  }
}
