import { laneOf } from '@troupe/core'
import type { KafkaConnection } from './client.ts'
import { problemOf } from './kafka-error.ts'
import { onWire } from './namespace.ts'
import { settlesWithin } from './settles-within.ts'

/** Asks brokers how far logs reach. */
export interface LogEnds {
  /** The next offset of every partition of these topics, by `topic/partition`. Topics that do not exist are left out. */
  read(topics: readonly string[]): Promise<ReadonlyMap<string, bigint>>
  close(): Promise<void>
}

/** Connects with the first `read`; whoever creates it closes it. */
export function createLogEnds(connection: KafkaConnection): LogEnds {
  const client = connection.open()
  const admin = client.kafka.admin()
  let connected: Promise<void> | undefined
  return {
    async read(topics) {
      connected ??= admin.connect()
      await connected.catch((error: unknown) => {
        connected = undefined
        throw error
      })
      const ends = new Map<string, bigint>()
      for (const topic of topics) {
        try {
          for (const { partition, high } of await admin.fetchTopicOffsets(onWire(connection, topic)))
            ends.set(laneOf({ topic, partition }), BigInt(high))
        } catch (error) {
          if (problemOf(error).type !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
        }
      }
      return ends
    },
    async close() {
      await settlesWithin(admin.disconnect(), 1_000)
      client.destroy()
    },
  }
}
