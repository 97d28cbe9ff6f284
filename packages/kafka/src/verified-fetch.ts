import { createRequire } from 'node:module'
import type { KafkaMessage } from 'kafkajs'

/**
 * Decodes the answer to a fetch, as kafkajs does, but looks at every batch's checksum first. Source: Kafka
 * protocol, Fetch response version 11 and record batch format 2.
 *
 * What a partition holds from a damaged batch on is left away. In its place stands one message that says so:
 * see {@link damageIn}. Nothing in such a batch can be relied upon, not even which offsets it has.
 */
export async function decodeVerified(raw: Buffer): Promise<FetchAnswer> {
  const reader = new Reader(raw)
  const clientSideThrottleTime = reader.int32()
  const errorCode = reader.int16()
  const sessionId = reader.int32()
  const responses: TopicAnswer[] = []
  for (let topics = reader.int32(); topics > 0; topics -= 1) {
    const topicName = reader.string()
    const partitions: PartitionAnswer[] = []
    for (let count = reader.int32(); count > 0; count -= 1) partitions.push(await partitionOf(reader))
    responses.push({ topicName, partitions })
  }
  // A throttle time of 0, as in kafkajs: the client waits by itself.
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses }
}

export const verifiedVersion = 11

interface PartitionAnswer {
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: string
  readonly lastStableOffset: string
  readonly lastStartOffset: string
  readonly abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[]
  readonly preferredReadReplica: number
  readonly messages: readonly KafkaMessage[]
}

interface TopicAnswer {
  readonly topicName: string
  readonly partitions: readonly PartitionAnswer[]
}

export interface FetchAnswer {
  readonly throttleTime: number
  readonly clientSideThrottleTime: number
  readonly errorCode: number
  readonly sessionId: number
  readonly responses: readonly TopicAnswer[]
}

async function partitionOf(reader: Reader): Promise<PartitionAnswer> {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const highWatermark = reader.int64()
  const lastStableOffset = reader.int64()
  const lastStartOffset = reader.int64()
  const abortedTransactions = []
  for (let count = reader.int32(); count > 0; count -= 1)
    abortedTransactions.push({ producerId: String(reader.int64()), firstOffset: String(reader.int64()) })
  const preferredReadReplica = reader.int32()
  const set = reader.sizedBytes()
  const { soundBytes, damage } = examine(set.subarray(sizeBytes), highWatermark)
  // kafkajs reads the size that stands before the records.
  set.writeInt32BE(soundBytes, 0)
  const messages = soundBytes > 0 ? await decodeMessages(new Decoder(set)) : []
  if (damage !== undefined) messages.push(markOf(damage))
  return {
    partition,
    errorCode,
    highWatermark: String(highWatermark),
    lastStableOffset: String(lastStableOffset),
    lastStartOffset: String(lastStartOffset),
    abortedTransactions,
    preferredReadReplica,
    messages,
  }
}

const sizeBytes = 4
const lengthAt = 8
const magicAt = 16
const crcAt = 17
const attributesAt = 21
const lastOffsetDeltaAt = 23
const headerBytes = 61
/** What a batch's length leaves out: its base offset and the length itself. */
const beforeLengthEnds = 12

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
  if (batch.readUInt32BE(crcAt) !== crc32C(batch.subarray(attributesAt)))
    return 'the checksum of a batch does not fit its bytes'
  // The base offset is not part of the checksum.
  const last = batch.readBigInt64BE(0) + BigInt(batch.readInt32BE(lastOffsetDeltaAt))
  return last < highWatermark ? undefined : `a batch reaches to offset ${last}, beyond the end of the log`
}

const damageMark = Symbol('troupe.damage')

/** Beyond every offset, so that nothing filters it out. */
const beyondAll = String(2n ** 63n - 1n)

function markOf(damage: string): KafkaMessage {
  const mark = {
    offset: beyondAll,
    timestamp: '0',
    attributes: 0,
    key: null,
    value: null,
    headers: {},
    isControlRecord: false,
    batchContext: { producerId: '-1', inTransaction: false },
    [damageMark]: damage,
  }
  return mark
}

/** What is wrong with the records after these; undefined if nothing is. */
export function damageIn(messages: readonly KafkaMessage[]): string | undefined {
  const last = messages.at(-1) as { readonly [damageMark]?: string } | undefined
  return last?.[damageMark]
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#pass(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#pass(4))
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#pass(8))
  }

  string(): string {
    const length = this.int16()
    const start = this.#pass(length)
    return this.#bytes.toString('utf8', start, start + length)
  }

  /** A size and as many bytes, the size included; none for null. */
  sizedBytes(): Buffer {
    const size = Math.max(0, this.int32())
    const start = this.#pass(size)
    return this.#bytes.subarray(start - sizeBytes, start + size)
  }

  #pass(count: number): number {
    const at = this.#at
    this.#at += count
    return at
  }
}

/** kafkajs's own, for what is inside a batch. */
const kafkajs = createRequire(import.meta.url)
const Decoder = kafkajs('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => object
const decodeMessages = kafkajs('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js') as (
  decoder: object,
) => Promise<KafkaMessage[]>
const crc32C = kafkajs('kafkajs/src/protocol/recordBatch/crc32C/index.js') as (bytes: Buffer) => number
