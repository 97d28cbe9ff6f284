import type { ClaimedTopic, Log, RawRecord, TopicPartition } from '@troupe/core'
import type { BufferBudget } from './buffer-budget.ts'
import type { GrowthGate } from './growth-gate.ts'

/** See the table in `partition-lane.ts`. */
export type LanePhase = 'claiming' | 'reading' | 'checking' | 'halted' | 'released'

/** What is done with one assigned partition. */
export interface PartitionWork {
  /** Where to read from: the ledger's position; undefined to read from the start. */
  readonly next: bigint | undefined
  /** The id of the topic that `next` is an offset of; left out where nobody knows, and then nobody looks. */
  readonly topicId?: string | undefined
  /**
   * Handles records in order; resolves when they are settled. Rejecting with `TROUPE_FENCED` means that
   * somebody else owns the partition: it is released, and assigned anew if the group still gives it to us.
   * After any other rejection the same records are handed over again, later.
   */
  take(batch: ReceivedBatch): Promise<void>
  /** Resolves when it can take something, or when the signal aborts: asked before each `take`. */
  room?(signal: AbortSignal): Promise<void>
  /** Aborted when it learns, without a `take`, that somebody else owns the partition: as if one had been fenced. */
  readonly fenced?: AbortSignal
  /** The partition is going away, and no `take` is pending. Called once. */
  release(): Promise<void>
}

/** A stretch of one partition: everything from `from` up to, but without, `to`. */
export interface ReceivedBatch extends TopicPartition {
  /** In the order of their offsets; empty if the stretch holds only control records, or aborted ones. */
  readonly records: readonly RawRecord[]
  /** The work's `next`, or where the stretch before it ended. */
  readonly from: bigint
  /** Where the next stretch will begin: gaps and control records are included. */
  readonly to: bigint
  /** The partition's end when this was fetched. */
  readonly highWatermark: bigint
  /** Aborted when the partition is lost, or when a stop has waited long enough. */
  readonly signal: AbortSignal
}

/** What a lane may ask of the consumer that feeds it. */
export interface Feed {
  pause(partition: TopicPartition): void
  resume(partition: TopicPartition): void
  seek(partition: TopicPartition, offset: bigint): void
  /** The first offset that is there, and the one that the next record will get. */
  rangeOf(partition: TopicPartition): Promise<{ readonly low: bigint; readonly high: bigint }>
  /** The id of its topic: one that is deleted and made again gets another. Undefined where brokers give none. */
  topicIdOf(partition: TopicPartition): Promise<string | undefined>
}

/** Something did not work, and will be tried again unless it is the position. */
export interface ReceiverFailure {
  readonly kind: 'take' | 'claim' | 'position' | 'record' | 'release' | 'connection'
  readonly partition?: TopicPartition
  readonly error: unknown
  /** How often it failed in a row. */
  readonly attempt: number
}

export interface LaneOptions {
  readonly partition: TopicPartition
  readonly feed: Feed
  readonly log: Log
  assign(partition: TopicPartition, topic: ClaimedTopic): Promise<PartitionWork>
  /** Runs one take when there is room for it among those of the other partitions. */
  inTurn<Result>(task: () => Promise<Result>): Promise<Result>
  onFailure(failure: ReceiverFailure): void
  /** Resolves when an earlier lane of the same partition is released. */
  readonly after: Promise<void>
  readonly bufferBytesMax: number
  readonly budget: Pick<BufferBudget, 'isSpent' | 'add'>
  readonly batchRecordsMax: number
  readonly onDataLoss: DataLossPolicy
  readonly gate: Pick<GrowthGate, 'hasGrown' | 'pass'>
}

/**
 * What becomes of a partition whose next record was deleted before it was read, by retention or with its whole
 * topic: `halt` stops it until a person has decided; `skip` goes on with the first record that is left, or with
 * the first of the topic that was made again, and says what is gone.
 */
export type DataLossPolicy = 'halt' | 'skip'

export interface PartitionState extends TopicPartition {
  readonly phase: LanePhase
  /** The offset to be settled next; undefined until the partition is claimed. */
  readonly position: bigint | undefined
  /** The partition's end as far as it is known; undefined until the partition is claimed. */
  readonly highWatermark: bigint | undefined
  /** Records that wait in memory. */
  readonly waiting: number
  /** Records that were gone before they could be read, since the partition was assigned. */
  readonly lost: bigint
  /** Partitions that have to be read before this one is begun with: its topic has grown. */
  readonly waitsFor?: readonly string[]
  readonly failure?: { readonly message: string; readonly attempt: number; readonly sinceMs: number }
}
