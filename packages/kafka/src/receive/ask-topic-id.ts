import type { TopicPartition } from '@troupe/core'
import type { Cluster } from 'kafkajs'
import { encoderOf } from '../wire/encoder-of.ts'
import { decodeTopicIds, encodeTopicIdsRequest, topicIdsVersion } from '../wire/topic-ids.ts'

/** Source: Kafka protocol, Metadata. */
const metadataKey = 3

/** What kafkajs's own cluster calls, and its types leave out. */
interface BrokerAsItIs {
  readonly versions?: Readonly<Record<number, { readonly maxVersion: number } | undefined>>
  readonly connectionPool?: { send?: (sent: object) => Promise<unknown> }
}

/**
 * The id of a partition's topic, from the broker that leads the partition: it cannot lead one that it has not
 * heard of. Undefined where brokers know no ids, or do not tell them. kafkajs speaks a version of Metadata in
 * which there are none.
 */
export async function askTopicId(
  cluster: Cluster,
  { topic, partition }: TopicPartition,
): Promise<string | undefined> {
  const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))
  if (nodeId === undefined) return undefined
  const broker = (await cluster.findBroker({ nodeId })) as unknown as BrokerAsItIs
  if ((broker.versions?.[metadataKey]?.maxVersion ?? 0) < topicIdsVersion) return undefined
  const ids = await broker.connectionPool?.send?.({
    request: {
      apiKey: metadataKey,
      apiVersion: topicIdsVersion,
      apiName: 'Metadata',
      expectResponse: () => true,
      encode: () => Promise.resolve(encoderOf(encodeTopicIdsRequest([topic]))),
    },
    response: {
      decode: (raw: Buffer) => Promise.resolve(decodeTopicIds(raw)),
      parse: (ids: ReadonlyMap<string, string>) => Promise.resolve(ids),
    },
  })
  return (ids as ReadonlyMap<string, string> | undefined)?.get(topic)
}
