import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { type EmbeddedStack, startStack } from '@troupe/embedded'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Consumer, Kafka, logLevel, type Message, Partitioners } from 'kafkajs'
import pg from 'pg'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const orders = 300
let stack: EmbeddedStack
let databaseUrl: string
let kafka: Kafka
let consumer: Consumer | undefined
const seen = new Map<string, Set<string>>()
let published = 0
const children: ChildProcess[] = []

beforeAll(async () => {
  stack = await startStack({ postgres: { fsync: false } })
  databaseUrl = await stack.postgres.createDatabase({ name: 'baseline' })
  kafka = new Kafka({ brokers: [stack.kafka.address], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: ['orders', 'payments'].map((topic) => ({ topic, numPartitions: 3 })) })
  await admin.disconnect()
})

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await consumer?.disconnect()
  await stack?.stop()
})

async function start(): Promise<ChildProcess> {
  const child = fork(main, {
    env: {
      ...process.env,
      KAFKA_BROKERS: stack.kafka.address,
      DATABASE_URL: databaseUrl,
      IN_TOPIC: 'orders',
      OUT_TOPIC: 'payments',
      SESSION_TIMEOUT_MS: '2000',
    },
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  children.push(child)
  await once(child, 'message')
  return child
}

/** Resolves as soon as `isThere`, asked at every record that is read. */
async function until(isThere: () => boolean): Promise<void> {
  while (!isThere()) await new Promise<void>((resolve) => wakers.push(resolve))
}
const wakers: (() => void)[] = []

async function watch(): Promise<void> {
  consumer = kafka.consumer({ groupId: 'test' })
  await consumer.connect()
  await consumer.subscribe({ topic: 'payments', fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message: { key, value, headers } }) => {
      published += 1
      const orderId = String(key)
      const outcome = `${String(headers?.['type'])} ${String(headers?.['id'])} ${String(value)}`
      seen.set(orderId, (seen.get(orderId) ?? new Set<string>()).add(outcome))
      for (const wake of wakers.splice(0)) wake()
    },
  })
}

/** Each order twice under one id, some of them declined. */
function messages(from: number, to: number): Message[] {
  return Array.from({ length: to - from }, (_, at) => {
    const order = from + at
    const message = {
      key: `o${order}`,
      headers: { id: `e${order}` },
      value: JSON.stringify({
        orderId: `o${order}`,
        items: [{ sku: 'book', quantity: 1 }],
        totalCents: 100 + order,
        currency: 'EUR',
        cardToken: order % 10 === 0 ? 'tok_declined' : 'tok_visa',
        shipTo: { country: 'DE' },
      }),
    }
    return [message, message]
  }).flat()
}

it('charges every order once and says so under one id, although it comes twice and the process is killed', async () => {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  await watch()
  const first = await start()
  await producer.send({
    topic: 'orders',
    messages: [{ key: 'o', value: 'no order' }, ...messages(0, orders / 2)],
  })
  await until(() => seen.size > 20)
  first.kill('SIGKILL')
  await once(first, 'exit')
  await producer.send({ topic: 'orders', messages: messages(orders / 2, orders) })
  const second = await start()
  await until(() => seen.size === orders)
  await producer.disconnect()

  second.kill('SIGTERM')
  expect(await once(second, 'exit')).toEqual([0, null])
  expect(published).toBeGreaterThanOrEqual(orders)
  expect([...seen.values()].filter((outcomes) => outcomes.size !== 1)).toEqual([])

  const database = new pg.Client(databaseUrl)
  await database.connect()
  const { rows } = await database.query(`
    select (select count(*)::int from charge where state = 'charged') as charged,
           (select count(*)::int from charge where state = 'declined') as declined,
           (select count(*)::int from outbox) as unpublished,
           (select count(*)::int from unreadable) as unreadable`)
  await database.end()
  expect(rows).toEqual([{ charged: (orders * 9) / 10, declined: orders / 10, unpublished: 0, unreadable: 1 }])
})
