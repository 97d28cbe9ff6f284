import { gunzipSync } from 'node:zlib'
import * as zlib from 'node:zlib'
import type { PartitionLog } from './partition-log.ts'
import { type BatchHeader, codecOf, HEADER_BYTES, isLogAppendTime, readBatchHeader } from './record-batch.ts'

/** A record's place and time. */
export interface TimedOffset {
  readonly offset: number
  readonly timestamp: number
}

const GZIP = 1
const ZSTD = 4
/** What one batch may unpack to; a batch that claims more is treated like one of an unknown codec. */
const UNPACKED_BYTES_MAX = 256 * 1024 * 1024

/**
 * The first record from the log's start on whose time is `timestamp` or later.
 *
 * Looks at every record: the maximum in a batch's header is the producer's word and not always right
 * (kafkajs computes it wrongly when some messages of a batch have a timestamp and others have none).
 * Only where a batch cannot be opened (snappy, lz4; zstd before Node 22.15) does the header decide, and
 * the answer is the beginning of that batch: never too late, at most one batch too early.
 */
export function findOffsetByTime(log: PartitionLog, timestamp: number): TimedOffset | undefined {
  for (const batch of log.batchesFrom(log.startOffset)) {
    const header = readBatchHeader(batch)
    const hit = searchBatch(batch, header, timestamp, log.startOffset)
    if (hit !== undefined) return hit
  }
  return undefined
}

function searchBatch(
  batch: Buffer,
  header: BatchHeader,
  timestamp: number,
  startOffset: number,
): TimedOffset | undefined {
  const records = isLogAppendTime(header) ? undefined : unpack(batch, header)
  if (records === undefined) {
    if (header.maxTimestamp < timestamp) return undefined
    return { offset: Math.max(header.baseOffset, startOffset), timestamp: header.maxTimestamp }
  }
  const cursor = { at: 0 }
  for (let record = 0; record < header.recordCount; record += 1) {
    const length = varint(records, cursor)
    const next = cursor.at + length
    cursor.at += 1
    const time = header.baseTimestamp + varint(records, cursor)
    const offset = header.baseOffset + varint(records, cursor)
    if (time >= timestamp && offset >= startOffset) return { offset, timestamp: time }
    cursor.at = next
  }
  return undefined
}

/** The records without compression, or undefined if they cannot be opened here. */
function unpack(batch: Buffer, header: BatchHeader): Buffer | undefined {
  const packed = batch.subarray(HEADER_BYTES)
  try {
    switch (codecOf(header)) {
      case 0:
        return packed
      case GZIP:
        return gunzipSync(packed, { maxOutputLength: UNPACKED_BYTES_MAX })
      case ZSTD:
        return zstdDecompress?.(packed, { maxOutputLength: UNPACKED_BYTES_MAX })
      default:
        return undefined
    }
  } catch {
    // The producer's compressed bytes are its own affair (the checksum was right): go by the header.
    return undefined
  }
}

const zstdDecompress = (
  zlib as { zstdDecompressSync?: (bytes: Buffer, options: { maxOutputLength: number }) => Buffer }
).zstdDecompressSync

/** A zigzag varint of up to ten bytes; exact up to 2^53. */
function varint(bytes: Buffer, cursor: { at: number }): number {
  let value = 0
  let factor = 1
  for (;;) {
    const byte = bytes[cursor.at]
    if (byte === undefined) return 0
    cursor.at += 1
    value += (byte & 0x7f) * factor
    if (byte < 0x80) break
    factor *= 128
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}
