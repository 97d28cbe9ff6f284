/** Builds record batches for tests, as a producer would send them. */
import { gzipSync } from 'node:zlib'
import { crc32c } from './crc32c.ts'
import { HEADER_BYTES } from './record-batch.ts'

export interface BatchParts {
  readonly values?: readonly string[]
  /** One per value; default: all `baseTimestamp`. */
  readonly timestamps?: readonly number[]
  readonly baseTimestamp?: number
  /** What the header claims; default: the truth. */
  readonly maxTimestamp?: number
  readonly codec?: 'none' | 'gzip' | 'snappy'
  readonly attributes?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
}

const CODECS = { none: 0, gzip: 1, snappy: 2 } as const

export function buildBatch(parts: BatchParts = {}): Buffer {
  const { values = ['value'], baseTimestamp = 1000, codec = 'none', attributes = 0 } = parts
  const timestamps = parts.timestamps ?? values.map(() => baseTimestamp)
  const plain = Buffer.concat(
    values.map((value, at) => buildRecord(value, at, (timestamps[at] as number) - baseTimestamp)),
  )
  const records = codec === 'gzip' ? gzipSync(plain) : plain
  const batch = Buffer.alloc(HEADER_BYTES + records.length)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch.writeInt8(2, 16)
  batch.writeInt16BE(attributes | CODECS[codec], 21)
  batch.writeInt32BE(values.length - 1, 23)
  batch.writeBigInt64BE(BigInt(baseTimestamp), 27)
  batch.writeBigInt64BE(BigInt(parts.maxTimestamp ?? Math.max(...timestamps)), 35)
  batch.writeBigInt64BE(BigInt(parts.producerId ?? -1), 43)
  batch.writeInt16BE(parts.producerEpoch ?? -1, 51)
  batch.writeInt32BE(parts.baseSequence ?? -1, 53)
  batch.writeInt32BE(values.length, 57)
  records.copy(batch, HEADER_BYTES)
  return sealBatch(batch)
}

/** Writes the right checksum, after a test changed something that it covers. */
export function sealBatch(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch, 21), 17)
  return batch
}

function buildRecord(value: string, offsetDelta: number, timestampDelta: number): Buffer {
  const bytes = Buffer.from(value)
  const body = Buffer.concat([
    Buffer.from([0]),
    varint(timestampDelta),
    varint(offsetDelta),
    varint(-1),
    varint(bytes.length),
    bytes,
    varint(0),
  ])
  return Buffer.concat([varint(body.length), body])
}

function varint(value: number): Buffer {
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  const bytes: number[] = []
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  return Buffer.from([...bytes, rest])
}
