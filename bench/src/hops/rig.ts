// What drives one contender and looks at what it publishes.
//
// Invariants
// 1. An order counts as done when a record with its key is in the topic of answers. A second record for it,
//    or one for an order that was never sent, is a stray.
// 2. Time is measured from the moment at which an order was due to be sent, whether or not it could be.

import type { Stack } from '@troupe/testing'
import { Kafka, logLevel, type Message, Partitioners } from 'kafkajs'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { v7 } from 'uuid'
import { type Contender, partitions } from './contender.ts'
import { createWatch, type Watch } from './watch.ts'

export interface Rig extends Omit<Watch, 'expect'> {
  /** Publishes so many orders, in large requests. */
  feed(count: number): Promise<void>
  /** Publishes so many orders a second, for so long. */
  pace(perSecond: number, seconds: number): Promise<void>
  close(): Promise<void>
}

const requestMessagesMax = 1_000
const tickMs = 5

/**
 * Makes the topics, and begins to look on. What has started is stopped if it fails.
 *
 * @param newId of orders and events; begins with the time, as those that Troupe derives
 */
export async function openRig(
  contender: Contender,
  stack: Stack,
  signal: AbortSignal,
  newId: () => string = v7,
): Promise<Rig> {
  const { inTopic, outTopic } = contender
  const undo: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step()
  }
  try {
    signal.throwIfAborted()
    const brokers = stack.kafka.address.split(',')
    const kafka = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.ERROR })
    await makeTopics(kafka, [inTopic, outTopic])
    const messageFor = await contender.prepare(stack)
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    undo.push(() => producer.disconnect())
    await producer.connect()
    const consumer = kafka.consumer({ groupId: `bench-${randomUUID()}` })
    undo.push(() => consumer.disconnect())
    await consumer.connect()
    const watch = await createWatch(consumer, outTopic, signal)
    const send = (messages: Message[]) => producer.send({ topic: inTopic, acks: -1, messages })

    const orders = (count: number, dueAtMs: number): Message[] =>
      Array.from({ length: count }, () => {
        const orderId = newId()
        watch.expect(orderId, dueAtMs)
        return messageFor(orderId, newId())
      })

    return {
      ...watch,
      async feed(count) {
        for (let left = count; left > 0; left -= requestMessagesMax) {
          signal.throwIfAborted()
          await send(orders(Math.min(left, requestMessagesMax), performance.now()))
        }
      },
      async pace(perSecond, seconds) {
        const beganMs = performance.now()
        const count = Math.round(perSecond * seconds)
        const sending: Promise<unknown>[] = []
        for (let sent = 0; sent < count; ) {
          // The first one is due at once: each is counted from the moment at which it could have been sent.
          const elapsed = (performance.now() - beganMs) / 1_000
          const due = Math.min(count, Math.floor(elapsed * perSecond) + 1)
          // Those that are late are sent together, each counted from when it was due.
          const messages = Array.from({ length: due - sent }, (_, at) =>
            orders(1, beganMs + ((sent + at) / perSecond) * 1_000),
          ).flat()
          if (messages.length > 0) sending.push(send(messages))
          sent = due
          await delay(tickMs, undefined, { signal })
        }
        await Promise.all(sending)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function makeTopics(kafka: Kafka, topics: readonly string[]): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    await admin.createTopics({
      waitForLeaders: true,
      topics: topics.map((topic) => ({ topic, numPartitions: partitions })),
    })
  } finally {
    await admin.disconnect()
  }
}
