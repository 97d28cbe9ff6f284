import { createRequire } from 'node:module'
import type { RecordHeaders } from '@troupe/core'
import { crc32C } from './crc32c.ts'

// What a broker answers to a fetch, made with kafkajs's own encoder.

interface Encoded {
  readonly buffer: Buffer
}
interface EncoderLike extends Encoded {
  writeInt8(value: number): this
  writeInt16(value: number): this
  writeInt32(value: number): this
  writeInt64(value: string): this
  writeString(value: string): this
  writeBuffer(value: Buffer): this
}
const kafkajs = createRequire(import.meta.url)
const { RecordBatch } = kafkajs('kafkajs/src/protocol/recordBatch/v0/index.js') as {
  RecordBatch(options: object): Promise<Encoded>
}
const Record = kafkajs('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (options: object) => object
const Encoder = kafkajs('kafkajs/src/protocol/encoder.js') as new () => EncoderLike

export interface BatchRecord {
  readonly offsetDelta?: number
  readonly timestampDelta?: number
  readonly key?: string | Buffer | null
  readonly value?: string | Buffer | null
  readonly headers?: RecordHeaders
}

export interface BatchOptions {
  readonly baseOffset?: number
  /** By default that of the last record. */
  readonly lastOffsetDelta?: number
  readonly timestampMs?: number
  readonly compression?: number
  readonly producerId?: number
  /** Flags of the attributes that kafkajs does not set. */
  readonly flags?: number
}

export async function batchOf(records: readonly BatchRecord[], options: BatchOptions = {}): Promise<Buffer> {
  const { baseOffset = 0, timestampMs = 1, compression = 0, producerId = -1, flags = 0 } = options
  const encoded = records.map((record, offsetDelta) =>
    Record({ offsetDelta, timestampDelta: 0, key: null, value: null, headers: {}, ...record }),
  )
  const { buffer } = await RecordBatch({
    firstTimestamp: timestampMs,
    maxTimestamp: timestampMs + 1_000,
    lastOffsetDelta: options.lastOffsetDelta ?? records.at(-1)?.offsetDelta ?? records.length - 1,
    producerId,
    compression,
    records: encoded,
  })
  const batch = Buffer.from(buffer)
  batch.writeBigInt64BE(BigInt(baseOffset), 0)
  batch.writeInt16BE(batch.readInt16BE(21) | flags, 21)
  return withChecksum(batch)
}

/** The batch with the checksum of what is in it now. */
export function withChecksum(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32C(batch, 21), 17)
  return batch
}

export interface Aborted {
  readonly producerId: number
  readonly firstOffset: number
}

export interface PartitionPart {
  readonly set: Buffer
  readonly highWatermark?: number
  readonly aborted?: readonly Aborted[]
}

/** The answer to a fetch of one topic, with these parts as its partitions. */
export function answerOf(parts: readonly PartitionPart[]): Buffer {
  const encoder = new Encoder().writeInt32(5).writeInt16(0).writeInt32(0).writeInt32(1)
  encoder.writeString('acme.order.events').writeInt32(parts.length)
  for (const [partition, { set, highWatermark = 1_000_000, aborted = [] }] of parts.entries()) {
    const end = String(highWatermark)
    encoder.writeInt32(partition).writeInt16(0).writeInt64(end).writeInt64(end).writeInt64('0')
    encoder.writeInt32(aborted.length)
    for (const { producerId, firstOffset } of aborted)
      encoder.writeInt64(String(producerId)).writeInt64(String(firstOffset))
    encoder.writeInt32(-1).writeInt32(set.length).writeBuffer(set)
  }
  return Buffer.from(encoder.buffer)
}
