import type { KafkaMessage } from 'kafkajs'
import { ByteReader } from './byte-reader.ts'
import { type AbortedTransaction, readRecordSet, type RecordSet } from './record-set.ts'

/**
 * Decodes the answer to a fetch for kafkajs, and each batch's records for us. Every checksum is looked at.
 * Source: Kafka protocol, Fetch response version 11.
 *
 * kafkajs gets one message for all that a partition's part holds, at the last offset of it: so it makes nothing
 * for each record, and goes on where the part ends. That message carries the records: see {@link carriedIn}.
 *
 * What a partition holds from a damaged batch on is left away. Nothing in such a batch can be relied upon, not
 * even which offsets it has.
 *
 * @param nameOf what we call a topic that Kafka names so
 * @throws RangeError if the bytes end before the answer does
 */
export async function decodeFetch(
  raw: Buffer,
  nameOf: (wireName: string) => string = (wireName) => wireName,
): Promise<FetchAnswer> {
  const reader = new ByteReader(raw)
  const clientSideThrottleTime = reader.int32()
  const errorCode = reader.int16()
  const sessionId = reader.int32()
  const responses: TopicAnswer[] = []
  for (let topics = reader.int32(); topics > 0; topics -= 1) {
    const topicName = reader.string()
    const topic = nameOf(topicName)
    const partitions: PartitionAnswer[] = []
    for (let count = reader.int32(); count > 0; count -= 1) partitions.push(await partitionOf(reader, topic))
    responses.push({ topicName, partitions })
  }
  // A throttle time of 0, as in kafkajs: the client waits by itself.
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses }
}

export const fetchVersion = 11

interface PartitionAnswer {
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: string
  readonly lastStableOffset: string
  readonly lastStartOffset: string
  /** None: what was aborted is left away already. */
  readonly abortedTransactions: readonly never[]
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

async function partitionOf(reader: ByteReader, topic: string): Promise<PartitionAnswer> {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const highWatermark = reader.int64()
  const lastStableOffset = reader.int64()
  const lastStartOffset = reader.int64()
  const aborted: AbortedTransaction[] = []
  for (let count = reader.int32(); count > 0; count -= 1)
    aborted.push({ producerId: reader.int64(), firstOffset: reader.int64() })
  const preferredReadReplica = reader.int32()
  const bytes = reader.sizedBytes()
  const set = await readRecordSet(bytes, { place: { topic, partition }, highWatermark, aborted })
  return {
    partition,
    errorCode,
    highWatermark: String(highWatermark),
    lastStableOffset: String(lastStableOffset),
    lastStartOffset: String(lastStartOffset),
    abortedTransactions: [],
    preferredReadReplica,
    messages: set.to === undefined && set.damage === undefined ? [] : [carrierOf(set)],
  }
}

const carriedMark = Symbol('troupe.carried')

/** Beyond every offset, so that nothing filters it out. */
const beyondAll = String(2n ** 63n - 1n)

function carrierOf(set: RecordSet): KafkaMessage {
  const carrier = {
    offset: set.damage === undefined && set.to !== undefined ? String(set.to - 1n) : beyondAll,
    timestamp: '0',
    attributes: 0,
    key: null,
    value: null,
    headers: {},
    isControlRecord: false,
    batchContext: { producerId: '-1', inTransaction: false },
    [carriedMark]: set,
  }
  return carrier
}

/** What one of our messages carries; undefined if they are kafkajs's own. */
export function carriedIn(messages: readonly KafkaMessage[]): RecordSet | undefined {
  const first = messages[0] as { readonly [carriedMark]?: RecordSet } | undefined
  return first?.[carriedMark]
}
