import type { Log, TopicPartition } from '@troupe/core'
import type { Cluster } from 'kafkajs'
import { decodeFetch, fetchVersion } from '../wire/fetch-answer.ts'

/** Source: Kafka protocol, Fetch. */
const fetchKey = 1
/** Source: Kafka protocol, error codes: UNKNOWN_TOPIC_OR_PARTITION. */
const unknownPartition = 3

interface Sent {
  readonly request: { readonly apiKey: number; readonly apiVersion: number }
  readonly response: object
}

/** What kafkajs's own consumer calls, and its types leave out. */
interface BrokerAsItIs {
  readonly connectionPool?: { send?: (sent: Sent) => Promise<unknown> }
}

export interface OwnFetchOptions {
  readonly log: Log
  /** What we call a topic that Kafka names so. */
  nameOf(wireName: string): string
  /** Told of a partition that the broker does not have, as we call it. kafkajs asks on, and says nothing. */
  onUnknown(partition: TopicPartition): void
}

/**
 * Makes one consumer's fetches be decoded here: kafkajs 2.2.4 reads past checksums, and makes many objects of
 * each record. Other clients of the process stay as they are: only the brokers that this cluster finds are
 * changed.
 */
export function decodeFetches(cluster: Cluster, { log, nameOf, onUnknown }: OwnFetchOptions): void {
  const mended = new WeakSet<object>()
  const findBroker = cluster.findBroker.bind(cluster)
  const decode = async (raw: Buffer) => {
    const answer = await decodeFetch(raw, nameOf)
    for (const { topicName, partitions } of answer.responses)
      for (const { partition, errorCode } of partitions)
        if (errorCode === unknownPartition) onUnknown({ topic: nameOf(topicName), partition })
    return answer
  }
  let isWarned = false
  cluster.findBroker = async (node) => {
    const broker = await findBroker(node)
    const { connectionPool } = broker as unknown as BrokerAsItIs
    if (!connectionPool?.send) {
      if (!isWarned)
        log.warn(
          {},
          'kafkajs does not look as expected, so it decodes what it fetches by itself: checksums are not verified, and records cost more processor time. Use kafkajs 2.2.4.',
        )
      isWarned = true
      return broker
    }
    if (mended.has(connectionPool)) return broker
    mended.add(connectionPool)
    const send = connectionPool.send.bind(connectionPool)
    connectionPool.send = (sent) =>
      send(isFetch(sent) ? { ...sent, response: { ...sent.response, decode } } : sent)
    return broker
  }
}

/** Older brokers are asked in older versions: kafkajs decodes those. */
function isFetch({ request }: Sent): boolean {
  return request.apiKey === fetchKey && request.apiVersion === fetchVersion
}
