import { laneOf } from '@troupe/core'
import type { Admin } from 'kafkajs'
import { createBackoff } from '../client/backoff.ts'
import type { KafkaClient, KafkaConnection } from '../client/client.ts'
import { problemOf } from '../client/kafka-error.ts'
import { onWire } from '../client/namespace.ts'
import { settlesWithin } from '../client/settles-within.ts'

/** Asks brokers how far logs reach. */
export interface LogEnds {
  /**
   * The next offset of every partition of these topics, by `topic/partition`. Topics that do not exist are
   * left out. A leader that moved, or a broker that was restarted, is asked again, with fresh metadata.
   */
  read(topics: readonly string[]): Promise<ReadonlyMap<string, bigint>>
  close(): Promise<void>
}

interface Link {
  readonly client: KafkaClient
  readonly admin: Admin
  readonly connected: Promise<void>
}

const attemptsMax = 3
const answerTimeoutMs = 10_000

/** Connects with the first `read`; whoever creates it closes it. */
export function createLogEnds(connection: KafkaConnection): LogEnds {
  const closing = new AbortController()
  let link: Link | undefined

  function open(): Link {
    const client = connection.open({ requestTimeoutMs: answerTimeoutMs })
    const admin = client.kafka.admin()
    return { client, admin, connected: admin.connect() }
  }

  async function readOnce(topics: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    link ??= open()
    const mine = link
    try {
      await mine.connected
      return await endsOf(mine.admin, topics)
    } catch (error) {
      // kafkajs's admin keeps the leaders that it knows until it is connected anew.
      mine.client.destroy()
      if (link === mine) link = undefined
      throw error
    }
  }

  async function endsOf(admin: Admin, topics: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
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
  }

  return {
    async read(topics) {
      const backoff = createBackoff({ initialDelayMs: 50, maxDelayMs: 500 })
      for (;;) {
        try {
          return await readOnce(topics)
        } catch (error) {
          if (backoff.attempts + 1 >= attemptsMax) throw error
          await backoff.wait(closing.signal)
          if (closing.signal.aborted) throw error
        }
      }
    },
    async close() {
      closing.abort()
      const last = link
      if (!last) return
      await settlesWithin(last.admin.disconnect(), 1_000)
      last.client.destroy()
    },
  }
}
