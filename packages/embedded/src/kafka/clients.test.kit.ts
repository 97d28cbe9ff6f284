/** What the broker's tests share: brokers and kafkajs clients that are put away after each test. */
import { afterEach } from '@jest/globals'
import { type Admin, type Consumer, type ConsumerConfig, Kafka, logLevel, type Producer } from 'kafkajs'
import { type Broker, type BrokerOptions, startBroker } from './broker.ts'

const cleanUps: (() => unknown)[] = []

/** Registers something to be undone after the test, last first. */
export function later(cleanUp: () => unknown): void {
  cleanUps.push(cleanUp)
}

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** A broker for one test. */
export async function broker(options: BrokerOptions = {}): Promise<Broker> {
  const started = await startBroker(options)
  later(() => started.stop())
  return started
}

export function kafkaFor({ address }: Pick<Broker, 'address'>): Kafka {
  return new Kafka({ brokers: [address], clientId: 'test', logLevel: logLevel.NOTHING })
}

/** Nothing that these clients ask for in a test may need a second try, unless the test says so. */
const AT_ONCE = { retry: { retries: 0 } } as const

export async function producerFor(
  target: Broker,
  config: Parameters<Kafka['producer']>[0] = {},
): Promise<Producer> {
  const producer = kafkaFor(target).producer({ allowAutoTopicCreation: true, ...AT_ONCE, ...config })
  await producer.connect()
  later(() => producer.disconnect())
  return producer
}

export async function adminFor(target: Broker): Promise<Admin> {
  const admin = kafkaFor(target).admin(AT_ONCE)
  await admin.connect()
  later(() => admin.disconnect())
  return admin
}

/** Timings that let a group settle in milliseconds. */
export const QUICK = { heartbeatInterval: 50, maxWaitTimeInMs: 50, sessionTimeout: 5000 } as const

/** One message as the tests compare it. */
export interface Seen {
  readonly partition: number
  readonly offset: string
  readonly key: string | null
  readonly value: string | null
  readonly headers: Record<string, string>
}

export interface Listening {
  readonly consumer: Consumer
  readonly seen: Seen[]
  /** Partitions as the group's last assignment gave them to this consumer. */
  assigned(): readonly number[]
}

/** A running member of a group, that collects what it hears from the beginning of a topic on. */
export async function listenTo(
  target: Broker,
  topic: string,
  config: Partial<ConsumerConfig> = {},
): Promise<Listening> {
  const consumer = kafkaFor(target).consumer({ groupId: 'listeners', ...QUICK, ...config })
  const seen: Seen[] = []
  let assigned: readonly number[] = []
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    assigned = payload.memberAssignment[topic] ?? []
  })
  await consumer.connect()
  later(() => consumer.disconnect())
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)])
      seen.push({
        partition,
        offset: message.offset,
        key: message.key?.toString() ?? null,
        value: message.value?.toString() ?? null,
        headers: Object.fromEntries(headers) as Record<string, string>,
      })
    },
  })
  return { consumer, seen, assigned: () => assigned }
}

/** Waits until a fact holds; fails loudly, with what was the case, when it never does. */
export async function until<T>(what: string, check: () => T, withinMs = 60_000): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const value = check()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
