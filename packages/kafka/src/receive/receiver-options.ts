import type { ClaimedTopic, Log, TopicPartition } from '@troupe/core'
import type { KafkaConnection } from '../client/client.ts'
import type { DataLossPolicy, PartitionState, PartitionWork } from './partition-work.ts'

/** See the table in `receive.ts`. */
export type ReceiverPhase = 'idle' | 'joining' | 'receiving' | 'recovering' | 'stopping' | 'stopped'

export interface ReceiverOptions {
  readonly connection: KafkaConnection
  readonly groupId: string
  /** They must exist: see `ensureTopics`. */
  readonly topics: readonly string[]
  readonly log: Log
  /**
   * Takes a partition over. Tried again, with backoff, until it resolves or the partition is lost. What is known
   * of the topic is to be kept beside the position: see `Ledger.claim`.
   */
  assign(partition: TopicPartition, topic: ClaimedTopic): Promise<PartitionWork>
  /**
   * What is to be settled next in a partition that may be another member's; undefined if nothing ever was.
   * Asked when the topic has grown. Left out, only this member's own partitions are known.
   */
  positionOf?(partition: TopicPartition): Promise<bigint | undefined>
  /** Default `halt`. */
  readonly onDataLoss?: DataLossPolicy | undefined
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
  /** Default 64 MiB: about as much waits in memory for all partitions together, and one request's worth beyond. */
  readonly bufferBytesMax?: number
  /** Default 16: takes under way at one time. */
  readonly partitionsConcurrently?: number
  /** Default 1,000: records in one take. */
  readonly batchRecordsMax?: number
  /** Default 5,000: how often settled positions are committed to Kafka, as a hint. */
  readonly hintIntervalMs?: number
  /** Default 5,000: how often brokers are asked how far the logs reach, for the lag and the watchdog. */
  readonly watchIntervalMs?: number
  /** Default 15,000: how long fetching may stand still before the consumer is given up and made anew. */
  readonly stalledAfterMs?: number
  /** Default 30,000: how old what is known of brokers and partitions may be. */
  readonly metadataMaxAgeMs?: number
}

/** Why a consumer was replaced. */
export type RestartReason = 'crashed' | 'stalled'

export interface ReceiverState {
  readonly phase: ReceiverPhase
  /** When the phase began, in milliseconds since the epoch. */
  readonly sinceMs: number
  /** Set while no fetch has succeeded for some seconds although the group was joined: since when. */
  readonly silentSinceMs?: number
  /** Why it recovers. */
  readonly problem?: string
  /** How often a consumer was replaced, since the start, because it crashed or stood still. */
  readonly restarts: Readonly<Record<RestartReason, number>>
  readonly partitions: readonly PartitionState[]
}

export interface PartitionLag extends TopicPartition {
  /** Records between the settled position and the partition's end as far as it is known. */
  readonly lag: bigint
}

/** What is left out gets its default. */
export function tuningOf(tuning: ReceiverTuning | undefined): Required<ReceiverTuning> {
  return {
    heartbeatIntervalMs: 200,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    fetchWaitMs: 100,
    fetchBytesMax: 5 * 1024 * 1024,
    fetchBytesPerPartitionMax: 1024 * 1024,
    bufferBytesMax: 64 * 1024 * 1024,
    partitionsConcurrently: 16,
    batchRecordsMax: 1_000,
    hintIntervalMs: 5_000,
    watchIntervalMs: 5_000,
    stalledAfterMs: 15_000,
    metadataMaxAgeMs: 30_000,
    ...tuning,
  }
}
