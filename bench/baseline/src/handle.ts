import { randomUUID } from 'node:crypto'
import type { Pool, PoolClient } from 'pg'
import { type Order, reasonToDecline } from './order.ts'

/**
 * Charges an order: one transaction per event. An event that is in the inbox already, and an order that was
 * charged or declined already, change nothing.
 */
export async function handle(pool: Pool, eventId: string, order: Order): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    if (await isFirst(client, eventId)) await charge(client, order)
    await client.query('commit')
    client.release()
  } catch (error) {
    // Gone with all that it had under way: the connection may be what failed.
    client.release(true)
    throw error
  }
}

async function isFirst(client: PoolClient, eventId: string): Promise<boolean> {
  const { rowCount } = await client.query({
    name: 'inbox',
    text: 'insert into inbox (event_id) values ($1) on conflict do nothing',
    values: [eventId],
  })
  return rowCount === 1
}

async function charge(client: PoolClient, order: Order): Promise<void> {
  const { orderId, totalCents, currency, items, shipTo } = order
  const reason = reasonToDecline(order)
  const paymentId = randomUUID()
  const { rowCount } = await client.query({
    name: 'charge',
    text: `insert into charge (order_id, payment_id, state, amount_cents, currency, reason)
           values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
    values: [orderId, paymentId, reason === undefined ? 'charged' : 'declined', totalCents, currency, reason],
  })
  if (rowCount !== 1) return
  const [type, payload] =
    reason === undefined
      ? ['PaymentProcessed', { orderId, paymentId, amountCents: totalCents, currency, items, shipTo }]
      : ['PaymentFailed', { orderId, reason }]
  await client.query({
    name: 'outbox',
    text: 'insert into outbox (event_id, type, key, payload) values ($1, $2, $3, $4)',
    values: [randomUUID(), type, orderId, JSON.stringify(payload)],
  })
}
