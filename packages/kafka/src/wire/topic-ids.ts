import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'

/** The version of Metadata that is written and read here, and the first that tells topics' ids: Kafka 2.8. */
export const topicIdsVersion = 10

const zeroId = Buffer.alloc(16)

/**
 * The body of a Metadata request for some topics, which creates none. kafkajs writes a header without tagged
 * fields, so they begin the body. Source: Kafka protocol, Metadata request version 10.
 */
export function encodeTopicIdsRequest(topics: readonly string[]): Buffer {
  const writer = new ByteWriter()
  writer.int8(noTags)
  writer.uvarint(topics.length + 1)
  for (const topic of topics) {
    writer.raw(zeroId)
    writer.compactString(topic)
    writer.int8(noTags)
  }
  // No topic is made; nobody asks for rights, on the cluster or on topics.
  for (let flags = 0; flags < 3; flags += 1) writer.int8(0)
  writer.int8(noTags)
  return writer.written
}

const noTags = 0

/**
 * The ids of the topics in an answer, as Kafka's own tools write them. Topics that are not there, that may not
 * be seen, or that are older than ids, are left out. Source: Kafka protocol, Metadata response version 10.
 *
 * @throws RangeError if the bytes end before the answer does
 */
export function decodeTopicIds(raw: Buffer): ReadonlyMap<string, string> {
  const reader = new ByteReader(raw)
  const ids = new Map<string, string>()
  reader.skipTags()
  // The time of a throttle.
  reader.int32()
  for (let brokers = reader.compactSize(); brokers > 0; brokers -= 1) skipBroker(reader)
  // Cluster and controller.
  reader.compactString()
  reader.int32()
  for (let topics = reader.compactSize(); topics > 0; topics -= 1) {
    const errorCode = reader.int16()
    const name = reader.compactString()
    const id = reader.bytes(zeroId.length)
    skipTopic(reader)
    if (errorCode === 0 && !id.equals(zeroId)) ids.set(name, id.toString('base64url'))
  }
  return ids
}

function skipBroker(reader: ByteReader): void {
  reader.int32()
  reader.compactString()
  reader.int32()
  reader.compactString()
  reader.skipTags()
}

/** What comes after a topic's id. */
function skipTopic(reader: ByteReader): void {
  reader.bytes(1)
  for (let partitions = reader.compactSize(); partitions > 0; partitions -= 1) {
    reader.int16()
    for (let numbers = 0; numbers < 3; numbers += 1) reader.int32()
    // All replicas, those in sync, those that are away.
    for (let lists = 0; lists < 3; lists += 1) reader.bytes(4 * reader.compactSize())
    reader.skipTags()
  }
  reader.int32()
  reader.skipTags()
}
