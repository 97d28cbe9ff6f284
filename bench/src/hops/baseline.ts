import { orderOf } from '@troupe/cli'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { startChild } from '../processes/child.ts'
import { type Contender, partitions } from './contender.ts'

/** The hand-written inbox and outbox of `bench/baseline`. */
export const baselinePayment: Contender = {
  name: 'baseline',
  inTopic: 'orders',
  outTopic: 'payments',
  async prepare() {
    const order = orderOf('good')
    const totalCents = order.items.reduce((sum, { quantity, priceCents }) => sum + quantity * priceCents, 0)
    return (orderId, eventId) => ({
      key: orderId,
      headers: { id: eventId, type: 'OrderReceived' },
      value: Buffer.from(JSON.stringify({ ...order, orderId, totalCents, placedAtMs: Date.now() })),
    })
  },
  start: (stack, { databaseUrl, environment, ...options }) =>
    startChild({
      name: 'baseline',
      main: baselineMain(),
      environment: {
        KAFKA_BROKERS: stack.kafka.address,
        DATABASE_URL: databaseUrl,
        IN_TOPIC: 'orders',
        OUT_TOPIC: 'payments',
        PARTITIONS: String(partitions),
        ...environment,
      },
      ...options,
    }),
}

function baselineMain(): string {
  const manifest = createRequire(import.meta.url).resolve('@troupe/bench-baseline/package.json')
  return join(dirname(manifest), 'dist', 'main.js')
}
