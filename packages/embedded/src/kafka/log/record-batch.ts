/**
 * The record batch, magic 2: the unit that producers send, the log keeps and consumers get. Its records
 * stay opaque here, compressed or not. The checksum covers everything from the attributes on, so the
 * broker may write base offset and leader epoch in place and keep every other byte as it came.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import { crc32c } from './crc32c.ts'

const LENGTH_AT = 8
const LEADER_EPOCH_AT = 12
const MAGIC_AT = 16
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const BASE_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_ID_AT = 43
const PRODUCER_EPOCH_AT = 51
const BASE_SEQUENCE_AT = 53
const RECORD_COUNT_AT = 57

/** Size of the header: where the records begin. */
export const HEADER_BYTES = 61
/** Base offset and length: what the length field itself does not count. */
export const LENGTH_PREFIX_BYTES = 12

const LOG_APPEND_TIME_BIT = 0x08
const TRANSACTIONAL_BIT = 0x10
const CONTROL_BIT = 0x20

/** What the log needs to know of a batch. */
export interface BatchHeader {
  readonly baseOffset: number
  /** All bytes of the batch, the header included. */
  readonly sizeBytes: number
  readonly magic: number
  readonly crc: number
  readonly attributes: number
  readonly lastOffsetDelta: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

/** Reads the header at `at`; the caller has made sure that {@link HEADER_BYTES} are there. */
export function readBatchHeader(bytes: Buffer, at = 0): BatchHeader {
  return {
    baseOffset: Number(bytes.readBigInt64BE(at)),
    sizeBytes: LENGTH_PREFIX_BYTES + bytes.readInt32BE(at + LENGTH_AT),
    magic: bytes.readInt8(at + MAGIC_AT),
    crc: bytes.readUInt32BE(at + CRC_AT),
    attributes: bytes.readInt16BE(at + ATTRIBUTES_AT),
    lastOffsetDelta: bytes.readInt32BE(at + LAST_OFFSET_DELTA_AT),
    baseTimestamp: Number(bytes.readBigInt64BE(at + BASE_TIMESTAMP_AT)),
    maxTimestamp: Number(bytes.readBigInt64BE(at + MAX_TIMESTAMP_AT)),
    producerId: Number(bytes.readBigInt64BE(at + PRODUCER_ID_AT)),
    producerEpoch: bytes.readInt16BE(at + PRODUCER_EPOCH_AT),
    baseSequence: bytes.readInt32BE(at + BASE_SEQUENCE_AT),
    recordCount: bytes.readInt32BE(at + RECORD_COUNT_AT),
  }
}

/** Compression codec of the batch: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
export function codecOf(header: BatchHeader): number {
  return header.attributes & 0x07
}

/** Whether all records of the batch bear the time at which the broker appended it. */
export function isLogAppendTime(header: BatchHeader): boolean {
  return (header.attributes & LOG_APPEND_TIME_BIT) !== 0
}

/** Whether the batch of `sizeBytes` at `at` has the checksum that its header claims. */
export function isIntact(bytes: Buffer, header: BatchHeader, at = 0): boolean {
  return crc32c(bytes, at + ATTRIBUTES_AT, at + header.sizeBytes) === header.crc
}

/** A batch that may be appended, or the error that its producer gets. */
export type BatchCheck =
  | { readonly header: BatchHeader }
  | { readonly errorCode: ErrorCode; readonly reason: string }

/**
 * Checks what a producer sent for one partition: exactly one whole batch of magic 2, not too large, its
 * checksum right, its counts agreeing with each other and (where the records are not compressed) with
 * the records themselves, so that no consumer ever meets a batch that it cannot read.
 */
export function checkProducedBatch(records: Buffer | null, batchBytesMax: number): BatchCheck {
  if (records === null || records.length === 0) {
    return refuse(ErrorCode.INVALID_RECORD, 'no records')
  }
  if (records.length > MAGIC_AT && records.readInt8(MAGIC_AT) !== 2) {
    return refuse(ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT, 'only record batches of magic 2 are taken')
  }
  if (records.length < HEADER_BYTES) {
    return refuse(ErrorCode.CORRUPT_MESSAGE, `a batch of ${records.length} bytes has no whole header`)
  }
  const header = readBatchHeader(records)
  if (header.sizeBytes > records.length || header.sizeBytes < HEADER_BYTES) {
    return refuse(ErrorCode.CORRUPT_MESSAGE, `${header.sizeBytes} bytes announced, ${records.length} sent`)
  }
  if (header.sizeBytes < records.length) {
    return refuse(ErrorCode.INVALID_RECORD, 'more than one batch for a partition in one request')
  }
  if (records.length > batchBytesMax) {
    return refuse(ErrorCode.MESSAGE_TOO_LARGE, `a batch of ${records.length} bytes, at most ${batchBytesMax}`)
  }
  if (!isIntact(records, header)) return refuse(ErrorCode.CORRUPT_MESSAGE, 'wrong checksum')
  if (header.attributes & CONTROL_BIT) {
    return refuse(ErrorCode.INVALID_RECORD, 'control batches are the broker’s own')
  }
  if (header.attributes & TRANSACTIONAL_BIT) {
    return refuse(ErrorCode.INVALID_TXN_STATE, 'this broker has no transactions')
  }
  if (header.recordCount < 1 || header.lastOffsetDelta !== header.recordCount - 1) {
    return refuse(ErrorCode.INVALID_RECORD, 'record count and last offset delta disagree')
  }
  if (codecOf(header) === 0 && !holdsWholeRecords(records, header.recordCount)) {
    return refuse(ErrorCode.INVALID_RECORD, 'the records do not fill the batch')
  }
  return { header }
}

/** Writes what the broker decides: the batch's place in the log. */
export function placeBatch(batch: Buffer, baseOffset: number, leaderEpoch: number): void {
  batch.writeBigInt64BE(BigInt(baseOffset))
  batch.writeInt32BE(leaderEpoch, LEADER_EPOCH_AT)
}

/** Gives all records of the batch one timestamp (topic setting `message.timestamp.type=LogAppendTime`). */
export function stampLogAppendTime(batch: Buffer, nowMs: number): void {
  batch.writeInt16BE(batch.readInt16BE(ATTRIBUTES_AT) | LOG_APPEND_TIME_BIT, ATTRIBUTES_AT)
  batch.writeBigInt64BE(BigInt(nowMs), MAX_TIMESTAMP_AT)
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT), CRC_AT)
}

function refuse(errorCode: ErrorCode, reason: string): BatchCheck {
  return { errorCode, reason }
}

/** Walks the length prefixes alone: a few nanoseconds a record. */
function holdsWholeRecords(batch: Buffer, recordCount: number): boolean {
  let at = HEADER_BYTES
  for (let record = 0; record < recordCount; record += 1) {
    let length = 0
    let shift = 0
    let byte: number | undefined
    do {
      byte = batch[at]
      if (byte === undefined || shift > 28) return false
      length += (byte & 0x7f) * 2 ** shift
      shift += 7
      at += 1
    } while (byte >= 0x80)
    // Zigzag: an odd number is a negative length.
    if (length % 2 === 1) return false
    at += length / 2
    if (at > batch.length) return false
  }
  return at === batch.length
}
