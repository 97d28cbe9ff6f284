import { setTimeout as delay } from 'node:timers/promises'
import type { Producer } from 'kafkajs'
import type { Pool } from 'pg'

/** An outbox that is being published. */
export interface Relay {
  /** Resolves when what is being published is. */
  stop(): Promise<void>
}

export interface RelayOptions {
  readonly topic: string
  /** How long it waits before it looks again where there was nothing. */
  readonly pollMs: number
  readonly batchMax: number
}

const afterFailureMs = 1_000

/**
 * Publishes the outbox in its order and deletes what Kafka has acknowledged, in one transaction that holds
 * the rows: several of these never publish the same row at the same time.
 */
export function startRelay(pool: Pool, producer: Producer, options: RelayOptions): Relay {
  const stopping = new AbortController()
  const ended = run(pool, producer, options, stopping.signal)
  return {
    stop() {
      stopping.abort()
      return ended
    },
  }
}

async function run(pool: Pool, producer: Producer, options: RelayOptions, signal: AbortSignal) {
  while (!signal.aborted) {
    try {
      const published = await publishSome(pool, producer, options)
      // A full batch: there is more.
      if (published < options.batchMax) await pause(options.pollMs, signal)
    } catch (error) {
      console.error('the outbox could not be published, trying again:', error)
      await pause(afterFailureMs, signal)
    }
  }
}

async function publishSome(
  pool: Pool,
  producer: Producer,
  { topic, batchMax }: RelayOptions,
): Promise<number> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query<{
      seq: string
      event_id: string
      type: string
      key: string
      payload: string
    }>({
      name: 'pick',
      text: 'select seq, event_id, type, key, payload from outbox order by seq limit $1 for update skip locked',
      values: [batchMax],
    })
    if (rows.length > 0) {
      await producer.send({
        topic,
        acks: -1,
        messages: rows.map(({ event_id: id, type, key, payload }) => ({
          key,
          value: payload,
          headers: { id, type },
        })),
      })
      await client.query({
        name: 'delete',
        text: 'delete from outbox where seq = any($1)',
        values: [rows.map(({ seq }) => seq)],
      })
    }
    await client.query('commit')
    client.release()
    return rows.length
  } catch (error) {
    client.release(true)
    throw error
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {})
}
