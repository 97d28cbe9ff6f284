import { type OrderKind, orderOf, percentilesOf } from '@troupe/cli'
import { type EmbeddedStack, startBroker } from '@troupe/embedded'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { randomUUID } from 'node:crypto'
import type { Round } from '../run/rounds.ts'
import { startHops } from './hops.ts'
import { hopCount, partitions, topicBefore } from './topics.ts'

/** A chain of plain kafkajs processes, with both of its ends in this one. */
export interface PlainChain {
  /** By name. */
  readonly pids: Readonly<Record<string, number | undefined>>
  /** One message through all hops; how long that took, in milliseconds. */
  one(): Promise<number>
  /** Many, 256 under way at a time and 16 of them being sent, as orders are placed. */
  many(count: number): Promise<Round>
  close(): Promise<void>
}

const underWayMax = 256
const sendsMax = 16
const good: OrderKind = 'good'

/** Starts a broker, both ends and the hops; what has started is stopped if it fails. */
export async function openPlainChain(signal: AbortSignal): Promise<PlainChain> {
  const undo: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step()
  }
  try {
    signal.throwIfAborted()
    const broker: EmbeddedStack['kafka'] = await startBroker()
    undo.push(() => broker.stop())
    const kafka = new Kafka({ clientId: 'plain-ends', brokers: [broker.address], logLevel: logLevel.ERROR })
    const ends = await openEnds(kafka, undo)
    const hops = await startHops(broker.address, signal)
    undo.push(() => hops.stop())

    const one = async () => {
      const id = randomUUID()
      const sinceMs = performance.now()
      const arrived = ends.arrival(id)
      await ends.send(id)
      return (await Promise.race([arrived, hops.failed])) - sinceMs
    }
    return {
      pids: hops.pids,
      one,
      many: (count) => many(count, ends, hops.failed),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

interface Ends {
  send(id: string): Promise<unknown>
  /** When the message with this id comes out at the end, on the clock of `performance.now()`. */
  arrival(id: string): Promise<number>
}

async function openEnds(kafka: Kafka, undo: (() => Promise<unknown>)[]): Promise<Ends> {
  const admin = kafka.admin()
  await admin.connect()
  const topics = Array.from({ length: hopCount + 1 }, (_, hop) => topicBefore(hop))
  await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: partitions })) })
  await admin.disconnect()

  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  undo.push(() => producer.disconnect())
  await producer.connect()

  const waiting = new Map<string, (atMs: number) => void>()
  const consumer = kafka.consumer({ groupId: 'plain-end' })
  undo.push(() => consumer.disconnect())
  await consumer.connect()
  await consumer.subscribe({ topic: topicBefore(hopCount), fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message: { key } }) => {
      const id = String(key)
      waiting.get(id)?.(performance.now())
      waiting.delete(id)
    },
  })

  return {
    send: (id) => {
      const value = JSON.stringify({ orderId: id, ...orderOf(good), hops: [] })
      return producer.send({ topic: topicBefore(0), messages: [{ key: id, value }] })
    },
    arrival: (id) => new Promise((resolve) => waiting.set(id, resolve)),
  }
}

async function many(count: number, { send, arrival }: Ends, failed: Promise<never>): Promise<Round> {
  const latencies: number[] = []
  const sinceMs = performance.now()
  let lastMs = sinceMs
  let begun = 0
  let sending = 0
  await Promise.race([
    failed,
    new Promise<void>((resolve, reject) => {
      const goOn = (): void => {
        if (latencies.length === count) return resolve()
        while (begun < count && sending < sendsMax && begun - latencies.length < underWayMax) {
          begun += 1
          sending += 1
          const id = randomUUID()
          const sentAtMs = performance.now()
          void arrival(id).then((atMs) => {
            latencies.push(atMs - sentAtMs)
            lastMs = Math.max(lastMs, atMs)
            goOn()
          })
          send(id).then(() => {
            sending -= 1
            goOn()
          }, reject)
        }
      }
      goOn()
    }),
  ])
  return { sagasPerSecond: count / ((lastMs - sinceMs) / 1_000), latencyMs: percentilesOf(latencies) }
}
