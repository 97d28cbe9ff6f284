import type { HeaderValue, RawRecord, RecordHeaders, TopicPartition } from '@troupe/core'
import type { Batch, IHeaders, KafkaMessage } from 'kafkajs'
import { carriedIn } from '../wire/fetch-answer.ts'

/** Where a fetched batch begins and ends, what it holds and what it does not hold. */
export interface FetchedStretch {
  /** The offset that was asked for: records before it were dropped, gaps after it are real. */
  readonly from: bigint
  /** Where to go on: beyond the last record, the control records and aborted ones included. */
  readonly to: bigint
  /** The end of the partition as the broker saw it. */
  readonly highWatermark: bigint
  /** Why what follows was left away; the stretch ends before it. */
  readonly damage: string | undefined
}

/** kafkajs keeps the offset that it asked for, but does not declare it. */
interface BatchAsItIs extends Batch {
  readonly fetchedOffset?: string
}

export function stretchOf(batch: Batch): FetchedStretch {
  const from = fetchedOffsetOf(batch)
  const carried = carriedIn(batch.messages)
  return {
    from,
    to: carried ? (carried.to ?? from) : BigInt(batch.lastOffset()) + 1n,
    highWatermark: BigInt(batch.highWatermark),
    damage: carried?.damage,
  }
}

function fetchedOffsetOf(batch: Batch): bigint {
  const { fetchedOffset } = batch as BatchAsItIs
  return BigInt(fetchedOffset ?? batch.firstOffset() ?? batch.lastOffset())
}

/** The records of a batch, from the offset on that was asked for. */
export function recordsOf(batch: Batch, partition: TopicPartition): readonly RawRecord[] {
  const carried = carriedIn(batch.messages)
  if (!carried) return batch.messages.map((message) => rawRecordOf(partition, message))
  const from = fetchedOffsetOf(batch)
  // A batch may begin before the offset that was asked for.
  const start = carried.records.findIndex(({ offset }) => offset >= from)
  return start === 0 ? carried.records : start < 0 ? [] : carried.records.slice(start)
}

function rawRecordOf({ topic, partition }: TopicPartition, message: KafkaMessage): RawRecord {
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    key: message.key,
    value: message.value,
    headers: message.headers ?? noHeaders,
    timestampMs: Number(message.timestamp),
  }
}

const noHeaders: RecordHeaders = {}

/** What a record holds in memory, about. */
export function sizeOf(record: RawRecord): number {
  let size = recordOverheadBytes + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const name in record.headers) size += name.length + headerSize(record.headers[name])
  return size
}

const recordOverheadBytes = 64

export function headerSize(value: IHeaders[string] | RecordHeaders[string]): number {
  if (value === undefined) return 0
  if (!Array.isArray(value)) return byteLength(value as HeaderValue)
  return (value as readonly HeaderValue[]).reduce((size, one) => size + byteLength(one), 0)
}

export function byteLength(value: HeaderValue): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : value.byteLength
}
