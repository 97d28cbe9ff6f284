import type { Consumer, EachMessagePayload } from 'kafkajs'
import type { Pool } from 'pg'
import { handle } from './handle.ts'
import { type Order, orderIn } from './order.ts'

/**
 * Hands every event to {@link handle}, partitions beside each other and each in order. What fails is tried
 * again by kafkajs; what cannot be read is set aside in a table.
 */
export async function consume(
  consumer: Consumer,
  pool: Pool,
  { topic, partitionsAtOnce }: { readonly topic: string; readonly partitionsAtOnce: number },
): Promise<void> {
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    partitionsConsumedConcurrently: partitionsAtOnce,
    eachMessage: (payload) => take(pool, payload),
  })
}

async function take(pool: Pool, { topic, partition, message }: EachMessagePayload): Promise<void> {
  const { key, value, headers, offset } = message
  let order: Order
  try {
    order = orderIn(value)
  } catch (error) {
    await pool.query('insert into unreadable values ($1, $2, $3, $4, $5) on conflict do nothing', [
      topic,
      partition,
      offset,
      value,
      `${String(key)}: ${String(error)}`,
    ])
    return
  }
  // Whoever sets no id is told apart by the place in the log.
  const eventId = headers?.['id'] === undefined ? `${topic}/${partition}/${offset}` : String(headers['id'])
  await handle(pool, eventId, order)
}
