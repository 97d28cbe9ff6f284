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
interface Sent {
  readonly topic: string
  readonly acks: number
  readonly messages: readonly Message[]
}
type Partitioner = (to: {
  readonly topic: string
  readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: number }[]
  readonly message: Message
}) => number

/** A connection whose producers append to the model's log. */
export function modelKafka(world: World, log: ModelLog, instance: Instance): KafkaConnection {
  const { random, trace } = world
  const metadata = Array.from({ length: log.partitions }, (_, partitionId) => ({ partitionId, leader: 0 }))

  /** Nothing that is not replicated survives the broker that took it. */
  const isLost = (acks: number) => acks !== -1 && world.isTroubled && random.chance(0.3)

  function appendTo(partition: number, { topic, acks, messages }: Sent): void {
    trace(`${topic}[${partition}] +${messages.length}`)
    if (isLost(acks)) return
    const records = messages.map(({ key, value, headers }) => ({ key: bytesOf(key), value, headers }))
    log.append(topic, partition, records)
  }

  function producer({ createPartitioner }: { readonly createPartitioner: () => Partitioner }) {
    const partitionFor = createPartitioner()
    return {
      connect: () => instance.call('connect', () => {}, noConnection),
      disconnect: async () => {},
      async send({ topic, acks, messages }: Sent): Promise<void> {
        const parts = new Map<number, Message[]>()
        for (const message of messages) {
          const partition = partitionFor({ topic, partitionMetadata: metadata, message })
          parts.set(partition, [...(parts.get(partition) ?? []), message])
        }
        // Each partition's leader answers for itself, and all answers are waited for.
        const ends = await Promise.allSettled(
          [...parts].map(([partition, own]) => {
            const send = () => {
              if (world.isBrokerAway) throw noConnection()
              appendTo(partition, { topic, acks, messages: own })
            }
            return instance.call('publish', send, () => (random.chance(0.5) ? noConnection() : noLeader()))
          }),
        )
        const failed = ends.find((end) => end.status === 'rejected')
        if (failed) throw failed.reason
      },
    }
  }

  return {
    settings: { clientId: instance.name, brokers: [] },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    // kafkajs's own types ask for much that a relay never touches.
    open: () => ({ kafka: { producer }, destroy() {} }) as unknown as ReturnType<KafkaConnection['open']>,
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
