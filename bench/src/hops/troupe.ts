import { orderOf } from '@troupe/cli'
import { createCodec } from '@troupe/avro'
import { headersOf, type Log } from '@troupe/core'
import { OrderReceived } from '@troupe-demo/schemas'
import type { Stack } from '@troupe/testing'
import { fileURLToPath } from 'node:url'
import { type Child, startChild } from '../processes/child.ts'
import { type Contender, partitions, type StartOptions } from './contender.ts'

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** The demo's payment service, but for its gateway, with everything that Troupe promises. */
export const troupePayment: Contender = {
  name: 'payment',
  inTopic: 'order.events',
  outTopic: 'payment.events',
  async prepare(stack) {
    const codec = createCodec({ registryUrl: stack.registry.url, log: silent })
    await codec.register([OrderReceived])
    const order = orderOf('good')
    const totalCents = order.items.reduce((sum, { quantity, priceCents }) => sum + quantity * priceCents, 0)
    return (orderId, eventId) => {
      const placedAtMs = Date.now()
      const { data } = OrderReceived({ ...order, orderId, totalCents, placedAtMs })
      const headers = headersOf({
        id: eventId,
        type: OrderReceived.type,
        source: OrderReceived.owner,
        timeMs: placedAtMs,
        key: orderId,
        correlationId: orderId,
        causationId: undefined,
        traceparent: undefined,
        tracestate: undefined,
      })
      return {
        key: orderId,
        headers,
        value: Buffer.from(codec.encode(OrderReceived, data)),
      }
    }
  },
  start: (stack, options) => startTill('./till-process.js', stack, options),
}

/** Starts the till, or another service in its place, on a stack. */
export function startTill(
  main: string,
  stack: Stack,
  { databaseUrl, environment, ...options }: StartOptions,
): Promise<Child> {
  return startChild({
    name: 'payment',
    main: fileURLToPath(import.meta.resolve(main)),
    environment: {
      KAFKA_BROKERS: stack.kafka.address,
      SCHEMA_REGISTRY_URL: stack.registry.url,
      DATABASE_URL: databaseUrl,
      HTTP_ADDRESS: '127.0.0.1:0',
      TROUPE_LOG_LEVEL: 'warn',
      TROUPE_TOPIC_PARTITIONS: String(partitions),
      TROUPE_STOP_WITH_PARENT: '1',
      ...environment,
    },
    ...options,
  })
}
