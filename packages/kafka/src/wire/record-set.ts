import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { messageOf, type RawRecord, type TopicPartition } from '@troupe/core'
import { crc32C } from './crc32c.ts'
import { MalformedRecords, type ReadRecord, RecordReader } from './record-reader.ts'

/** What a partition's part of a fetch holds. */
export interface RecordSet {
  /** What a reader may see, in the order of offsets: no control records, nothing of aborted transactions. */
  readonly records: readonly RawRecord[]
  /** Beyond the last sound batch, whether or not its last records are still there; undefined if there is none. */
  readonly to: bigint | undefined
  /** Why what follows was left away. */
  readonly damage: string | undefined
}

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

export interface RecordSetFacts {
  readonly place: TopicPartition
  readonly highWatermark: bigint
  /** In any order. */
  readonly aborted: readonly AbortedTransaction[]
}

const baseOffsetAt = 0
const lengthAt = 8
const magicAt = 16
const crcAt = 17
const attributesAt = 21
const lastOffsetDeltaAt = 23
const baseTimestampAt = 27
const maxTimestampAt = 35
const producerIdAt = 43
const countAt = 57
const headerBytes = 61
/** What a batch's length leaves out: its base offset and the length itself. */
const beforeLengthEnds = 12

const compressionMask = 0x07
const appendTimeFlag = 0x08
const transactionalFlag = 0x10
const controlFlag = 0x20

/**
 * Reads record batches up to the first that is damaged, or cut off. Source: Kafka protocol, record batch; for
 * aborted transactions, the Java client's `CompletedFetch`.
 *
 * @throws what kafkajs throws for a compression that has no codec
 */
export async function readRecordSet(bytes: Buffer, facts: RecordSetFacts): Promise<RecordSet> {
  const { soundBytes, damage } = examine(bytes, facts.highWatermark)
  const filter = new AbortFilter(facts.aborted)
  const records: RawRecord[] = []
  let to: bigint | undefined
  for (let at = 0; at < soundBytes; ) {
    const end = at + beforeLengthEnds + bytes.readInt32BE(at + lengthAt)
    const batch = bytes.subarray(at, end)
    const soundRecords = records.length
    try {
      await readBatch(batch, facts.place, filter, records)
    } catch (error) {
      if (!(error instanceof MalformedRecords)) throw error
      return { records: records.slice(0, soundRecords), to, damage: error.message }
    }
    to = lastOf(batch) + 1n
    at = end
  }
  return { records, to, damage }
}

/** How much of a record set is sound, and what is wrong with the first batch that is not. */
export function examine(
  records: Buffer,
  highWatermark: bigint,
): { readonly soundBytes: number; readonly damage?: string } {
  let at = 0
  while (at + headerBytes <= records.length) {
    const end = at + beforeLengthEnds + records.readInt32BE(at + lengthAt)
    // Brokers cut the last batch off where a limit is reached.
    if (end > records.length) break
    const damage = damageOf(records.subarray(at, Math.max(end, at)), highWatermark)
    if (damage !== undefined) return { soundBytes: at, damage }
    at = end
  }
  return { soundBytes: at }
}

function damageOf(batch: Buffer, highWatermark: bigint): string | undefined {
  if (batch.length < headerBytes) return 'a batch says that it is shorter than its own header'
  const magic = batch.readInt8(magicAt)
  if (magic !== 2) return `a batch has format ${magic}, and only format 2 is read`
  if (batch.readUInt32BE(crcAt) !== crc32C(batch, attributesAt))
    return 'the checksum of a batch does not fit its bytes'
  // The base offset is not part of the checksum.
  const last = lastOf(batch)
  return last < highWatermark ? undefined : `a batch reaches to offset ${last}, beyond the end of the log`
}

function firstOf(batch: Buffer): bigint {
  return batch.readBigInt64BE(baseOffsetAt)
}

function lastOf(batch: Buffer): bigint {
  return firstOf(batch) + BigInt(batch.readInt32BE(lastOffsetDeltaAt))
}

async function readBatch(
  batch: Buffer,
  { topic, partition }: TopicPartition,
  filter: AbortFilter,
  into: RawRecord[],
): Promise<void> {
  const attributes = batch.readInt16BE(attributesAt)
  const isControl = (attributes & controlFlag) !== 0
  const isTransactional = (attributes & transactionalFlag) !== 0
  const producerId = batch.readBigInt64BE(producerIdAt)
  filter.reach(lastOf(batch))
  if (isTransactional && !isControl && filter.isAborted(producerId)) return
  const reader = await readerOf(batch, attributes & compressionMask)
  const base = firstOf(batch)
  const lastDelta = batch.readInt32BE(lastOffsetDeltaAt)
  const isAppendTime = (attributes & appendTimeFlag) !== 0
  const timestampMs = Number(batch.readBigInt64BE(isAppendTime ? maxTimestampAt : baseTimestampAt))
  for (let count = batch.readInt32BE(countAt); count > 0; count -= 1) {
    const record = reader.next()
    const { key, value, headers, offsetDelta } = record
    if (offsetDelta < 0 || offsetDelta > lastDelta)
      throw new MalformedRecords('a record lies outside of its batch')
    if (isControl) {
      if (isAbortMarker(record)) filter.end(producerId)
      continue
    }
    const timeMs = isAppendTime ? timestampMs : timestampMs + record.timestampDelta
    into.push({
      topic,
      partition,
      offset: base + BigInt(offsetDelta),
      key,
      value,
      headers,
      timestampMs: timeMs,
    })
  }
  if (!reader.isAtEnd) throw new MalformedRecords('a batch has more bytes than records')
}

/** Version 0, type 0. Source: Kafka, `ControlRecordType`. */
function isAbortMarker({ key }: ReadRecord): boolean {
  return key !== null && key.length >= 4 && key.readInt16BE(2) === 0
}

/** Knows, batch by batch, whose transactions were aborted. */
class AbortFilter {
  /** Those that lie ahead, the next one last. */
  readonly #ahead: AbortedTransaction[]
  readonly #open = new Set<bigint>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#ahead = aborted.toSorted((one, other) => (one.firstOffset < other.firstOffset ? 1 : -1))
  }

  reach(lastOffset: bigint): void {
    for (let next = this.#ahead.at(-1); next && next.firstOffset <= lastOffset; next = this.#ahead.at(-1)) {
      this.#open.add(next.producerId)
      this.#ahead.pop()
    }
  }

  isAborted(producerId: bigint): boolean {
    return this.#open.has(producerId)
  }

  end(producerId: bigint): void {
    this.#open.delete(producerId)
  }
}

async function readerOf(batch: Buffer, compression: number): Promise<RecordReader> {
  if (compression === 0) return new RecordReader(batch, headerBytes)
  const packed = batch.subarray(headerBytes)
  if (compression !== gzip) {
    const codec = lookupCodec(compression)
    if (!codec)
      throw new MalformedRecords(`a batch is compressed in a way (${compression}) that Kafka does not have`)
    return new RecordReader(await codec.decompress(packed))
  }
  try {
    return new RecordReader(await unpack(packed, { maxOutputLength: unpackedBytesMax }))
  } catch (error) {
    throw new MalformedRecords(`a batch cannot be unpacked: ${messageOf(error)}`)
  }
}

const gzip = 1
const unpack = promisify(gunzip)
/** A batch of a few bytes may say that it is endless. */
const unpackedBytesMax = 256 * 1024 * 1024

/** kafkajs's: those that somebody has registered there; throws, and says so, where nobody has. */
const { lookupCodec } = createRequire(import.meta.url)(
  'kafkajs/src/protocol/message/compression/index.js',
) as {
  lookupCodec(compression: number): { decompress(packed: Buffer): Promise<Buffer> } | null
}
