import { createRequire } from 'node:module'
import { type Log, messageOf as textOf, type OutgoingRecord } from '@troupe/core'
import type { Cluster, CompressionTypes, Message } from 'kafkajs'
import { keyOf, messageOf } from './outgoing.ts'
import { isAnswer, publishVerdictOf } from './refusal.ts'
import { encoderOf } from '../wire/encoder-of.ts'
import { partitionOfKey } from '../wire/murmur2.ts'
import { encodeProduce, type PartitionRecords, produceVersion } from '../wire/produce-request.ts'

export interface PublisherOptions {
  /** Connected; whoever made it ends it. */
  readonly cluster: Cluster
  readonly log: Log
}

export interface PublishOptions {
  /** Packs each partition's records with gzip. */
  readonly isCompressed: boolean
}

/** What kafkajs's own producer calls, and its types leave out. */
interface BrokerAsItIs {
  readonly versions?: Readonly<Record<number, { readonly maxVersion: number } | undefined>>
  readonly connectionPool?: { send?: (sent: object) => Promise<unknown> }
  produce(request: object): Promise<unknown>
}

/** Source: Kafka protocol, Produce. */
const produceKey = 0
/** Of all in-sync replicas. */
const acks = -1

/** `CompressionTypes.GZIP`, the one that every client can read: kafkajs, a CommonJS module, hides that name from Node. */
const gzip = 1 as unknown as CompressionTypes

/**
 * Publishes by way of kafkajs's cluster: its connections, its metadata, its reading of answers. The records are
 * given to partitions and encoded here, since kafkajs takes ten times as long for it. Where kafkajs does not
 * look as expected, and for what is compressed, its own encoder is used.
 *
 * It takes from kafkajs's producer what that adds for one that is not idempotent: see `producer/sendMessages.js`
 * there. It tries nothing again.
 */
export class Publisher {
  readonly #cluster: Cluster
  readonly #log: Log
  #withoutKey = Math.trunc(Math.random() * 1_000)

  constructor({ cluster, log }: PublisherOptions) {
    this.#cluster = cluster
    this.#log = log
  }

  /**
   * Resolves when all in-sync replicas have every record. If it rejects, any of them may have been written, and
   * no request is under way any more.
   */
  async publish(
    topic: string,
    records: readonly OutgoingRecord[],
    { isCompressed }: PublishOptions,
  ): Promise<void> {
    await this.#cluster.addMultipleTargetTopics([topic])
    try {
      await this.#cluster.refreshMetadataIfNecessary()
      await this.#send(topic, records, isCompressed)
    } catch (error) {
      // The leader may have moved, or the topic may have been made anew.
      if (isAnswer(error) && publishVerdictOf(error) === 'retry') await this.#cluster.refreshMetadata()
      throw error
    }
  }

  async #send(topic: string, records: readonly OutgoingRecord[], isCompressed: boolean): Promise<void> {
    const byPartition = this.#partition(topic, records)
    const leaders = this.#cluster.findLeaderForPartitions(topic, [...byPartition.keys()])
    const requests = Object.entries(leaders).map(async ([nodeId, partitions]) => {
      const broker = (await this.#cluster.findBroker({ nodeId })) as unknown as BrokerAsItIs
      const parts = partitions.map((partition) => ({ partition, records: byPartition.get(partition) ?? [] }))
      const reason = isCompressed ? 'compressed' : this.#obstacleIn(broker)
      if (reason === undefined) await sendEncoded(broker, topic, parts)
      else await sendByKafkajs(broker, topic, parts, isCompressed)
    })
    // All of them, so that nothing of this is under way when it is tried again.
    const failed = (await Promise.allSettled(requests)).find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
  }

  #partition(topic: string, records: readonly OutgoingRecord[]): ReadonlyMap<number, OutgoingRecord[]> {
    const partitions = this.#cluster.findTopicPartitionMetadata(topic)
    if (partitions.length === 0) throw new Error(`Kafka names no partition of ${topic} yet`)
    const led = partitions.filter(({ leader }) => leader >= 0)
    const byPartition = new Map<number, OutgoingRecord[]>()
    for (const record of records) {
      const key = keyOf(record)
      const partition =
        key === null
          ? this.#nextOf(led.length > 0 ? led : partitions)
          : partitionOfKey(key, partitions.length)
      const others = byPartition.get(partition)
      if (others) others.push(record)
      else byPartition.set(partition, [record])
    }
    return byPartition
  }

  /** One partition after the other, as kafkajs does it with records that have no key. */
  #nextOf(partitions: readonly { readonly partitionId: number }[]): number {
    this.#withoutKey = (this.#withoutKey + 1) % 0x4000_0000
    return partitions[this.#withoutKey % partitions.length]?.partitionId ?? 0
  }

  /** Why a broker cannot be sent what is encoded here; warned of once per log. */
  #obstacleIn({ versions, connectionPool }: BrokerAsItIs): string | undefined {
    const reason =
      answerAsItIs instanceof Error
        ? textOf(answerAsItIs)
        : typeof connectionPool?.send !== 'function'
          ? 'its connections have no send'
          : (versions?.[produceKey]?.maxVersion ?? 0) < produceVersion
            ? `the broker does not take version ${produceVersion} of Produce`
            : undefined
    if (reason !== undefined && !warned.has(this.#log)) {
      warned.add(this.#log)
      this.#log.warn(
        { reason },
        `kafkajs does not look as expected, so its own encoder is used: publishing works, but costs more processor time (${reason}). Use kafkajs 2.2.4 and Kafka 2.1 or newer.`,
      )
    }
    return reason
  }
}

const warned = new WeakSet<Log>()

async function sendEncoded(
  { connectionPool }: BrokerAsItIs,
  topic: string,
  partitions: readonly PartitionOf<OutgoingRecord>[],
): Promise<void> {
  const body = { acks, topic, partitions: partitions.map(wirePartitionOf) }
  await connectionPool?.send?.({
    request: {
      apiKey: produceKey,
      apiVersion: produceVersion,
      apiName: 'Produce',
      expectResponse: () => true,
      encode: () => Promise.resolve(encoderOf(encodeProduce({ ...body, timestampMs: Date.now() }))),
    },
    response: answerAsItIs,
  })
}

interface PartitionOf<Record> {
  readonly partition: number
  readonly records: readonly Record[]
}

function wirePartitionOf({ partition, records }: PartitionOf<OutgoingRecord>): PartitionRecords {
  return {
    partition,
    records: records.map((record) => ({ key: keyOf(record), value: record.value, headers: record.headers })),
  }
}

async function sendByKafkajs(
  broker: BrokerAsItIs,
  topic: string,
  partitions: readonly PartitionOf<OutgoingRecord>[],
  isCompressed: boolean,
): Promise<void> {
  const partitionsOf = partitions.map(({ partition, records }) => ({
    partition,
    firstSequence: 0,
    messages: records.map((record): Message => messageOf(record)),
  }))
  await broker.produce({
    acks,
    topicData: [{ topic, partitions: partitionsOf }],
    ...(isCompressed && { compression: gzip }),
  })
}

/** kafkajs's own way to read the answer to a Produce, or why it is not found. */
const answerAsItIs: object = (() => {
  try {
    const path = `kafkajs/src/protocol/requests/produce/v${produceVersion}/response.js`
    const answer = createRequire(import.meta.url)(path) as {
      readonly decode?: unknown
      readonly parse?: unknown
    }
    if (typeof answer.decode === 'function' && typeof answer.parse === 'function') return answer
    return new Error('it reads answers in another way')
  } catch (error) {
    return new Error(textOf(error))
  }
})()
