// What drives one contender and looks at what it publishes.
//
// It shares its process with the broker, and two cores with what it measures, so it writes and reads Kafka by
// Troupe's own relay and receiver: kafkajs's producer and consumer took half of this process's time.
//
// Invariants
// 1. An order counts as done when a record with its key is in the topic of answers. A second record for it,
//    or one for an order that was never sent, is a stray.
// 2. Time is measured from the moment at which an order was due to be sent, whether or not it could be.

import type { Log, OutgoingRecord } from '@troupe/core'
import { connectKafka, createReceiver, createRelay, ensureTopics } from '@troupe/kafka'
import type { Stack } from '@troupe/testing'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { v7 } from 'uuid'
import { type Contender, partitions } from './contender.ts'
import { createWatch, type Watch } from './watch.ts'

export interface Rig extends Omit<Watch, 'expect' | 'see'> {
  /** Publishes so many orders, in large requests. */
  feed(count: number): Promise<void>
  /** Publishes so many orders a second, for so long. */
  pace(perSecond: number, seconds: number): Promise<void>
  close(): Promise<void>
}

const pushedAtOnceMax = 1_000
/** As long as Kafka's own producers wait for company: see `linger.ms`, 4.0. */
const tickMs = 5

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

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
    const connection = connectKafka({ clientId: 'bench', brokers: stack.kafka.address.split(',') }, silent)
    await ensureTopics(
      connection,
      [inTopic, outTopic].map((topic) => ({ topic, partitions })),
    )
    const recordFor = await contender.prepare(stack)
    const relay = createRelay({ connection, log: silent })
    undo.push(() => relay.stop())
    await relay.start()
    const watch = createWatch(signal)
    const receiver = createReceiver({
      connection,
      groupId: `bench-${randomUUID()}`,
      topics: [outTopic],
      log: silent,
      assign: async () => ({
        next: undefined,
        take: async ({ records }) => watch.see(records.map(({ key }) => String(key))),
        release: async () => {},
      }),
    })
    undo.push(() => receiver.stop())
    await receiver.start()

    const orderDueAt = (dueAtMs: number): OutgoingRecord => {
      const [orderId, id] = [newId(), newId()]
      watch.expect(orderId, dueAtMs)
      return { id, lane: '', topic: inTopic, ...recordFor(orderId, id) }
    }
    const push = (records: readonly OutgoingRecord[]) => {
      relay.push(records)
      // There is no ledger that would delete them.
      relay.confirmDeleted(relay.takePublished())
    }

    return {
      ...watch,
      async feed(count) {
        for (let left = count; left > 0; left -= pushedAtOnceMax) {
          signal.throwIfAborted()
          const nowMs = performance.now()
          push(Array.from({ length: Math.min(left, pushedAtOnceMax) }, () => orderDueAt(nowMs)))
          await relay.room()
        }
        await relay.drained()
      },
      async pace(perSecond, seconds) {
        const beganMs = performance.now()
        const count = Math.round(perSecond * seconds)
        for (let sent = 0; sent < count; ) {
          // The first one is due at once: each is counted from the moment at which it could have been sent.
          const elapsed = (performance.now() - beganMs) / 1_000
          const due = Math.min(count, Math.floor(elapsed * perSecond) + 1)
          // Those that are late are sent together, each counted from when it was due.
          push(
            Array.from({ length: due - sent }, (_, at) =>
              orderDueAt(beganMs + ((sent + at) / perSecond) * 1_000),
            ),
          )
          sent = due
          await delay(tickMs, undefined, { signal })
        }
        await relay.drained()
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
