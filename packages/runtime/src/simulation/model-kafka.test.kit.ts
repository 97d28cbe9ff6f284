// Kafka as far as a producer sees it, for the real relay: requests get lost, so do answers, and a request may
// be carried out for some of its partitions only.
import type { RecordHeaders } from '@troupe/core'
import type { KafkaConnection } from '@troupe/kafka'
import type { Instance } from './instance.test.kit.ts'
import type { ModelLog } from './model-log.test.kit.ts'
import type { World } from './world.test.kit.ts'

interface Message {
  readonly key: string | Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: RecordHeaders
}
/** What one partition is sent. */
interface Sent {
  readonly partition: number
  readonly messages: readonly Message[]
}
interface Request {
  readonly acks: number
  readonly topicData: readonly { readonly topic: string; readonly partitions: readonly Sent[] }[]
}
type Assigner = (config: { readonly cluster: object }) => object

/** A connection whose brokers append to the model's log: one leads each partition. */
export function modelKafka(world: World, log: ModelLog, instance: Instance): KafkaConnection {
  const { random, trace } = world
  const metadata = Array.from({ length: log.partitions }, (_, at) => ({ partitionId: at, leader: at }))

  /** Nothing that is not replicated survives the broker that took it. */
  const isLost = (acks: number) => acks !== -1 && world.isTroubled && random.chance(0.3)

  function appendTo(topic: string, { partition, messages }: Sent, acks: number): void {
    trace(`${topic}[${partition}] +${messages.length}`)
    if (isLost(acks)) return
    const records = messages.map(({ key, value, headers }) => ({ key: bytesOf(key), value, headers }))
    log.append(topic, partition, records)
  }

  /** Each partition's leader answers for itself. */
  const broker = {
    async produce({ acks, topicData }: Request): Promise<void> {
      for (const { topic, partitions } of topicData) {
        for (const sent of partitions) {
          const append = () => {
            if (world.isBrokerAway) throw noConnection()
            appendTo(topic, sent, acks)
          }
          await instance.call('publish', append, () => (random.chance(0.5) ? noConnection() : noLeader()))
        }
      }
    },
  }
  const cluster = {
    connect: () => instance.call('connect', () => {}, noConnection),
    disconnect: async () => {},
    addMultipleTargetTopics: async () => {},
    refreshMetadataIfNecessary: async () => {},
    refreshMetadata: async () => {},
    findTopicPartitionMetadata: () => metadata,
    findLeaderForPartitions: (_topic: string, partitions: readonly number[]) =>
      Object.fromEntries(partitions.map((partition) => [partition, [partition]])),
    findBroker: () => Promise.resolve(broker),
  }
  /** kafkajs shows its cluster here, and nowhere else. */
  const consumer = ({ partitionAssigners }: { readonly partitionAssigners: readonly Assigner[] }) => {
    for (const assigner of partitionAssigners) assigner({ cluster })
  }

  return {
    settings: { clientId: instance.name, brokers: [] },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    // kafkajs's own types ask for much that a relay never touches.
    open: () => ({ kafka: { consumer }, destroy() {} }) as unknown as ReturnType<KafkaConnection['open']>,
  }
}

function noConnection(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
}

function noLeader(): Error {
  return Object.assign(new Error('not the leader'), { type: 'NOT_LEADER_FOR_PARTITION' })
}

function bytesOf(key: string | Uint8Array | null): Uint8Array | null {
  return typeof key === 'string' ? new TextEncoder().encode(key) : key
}
