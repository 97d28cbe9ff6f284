import { randomUUID } from 'node:crypto'
import { it } from '@jest/globals'
import {
  laneOf,
  type Log,
  type OutgoingRecord,
  type RawRecord,
  type TopicPartition,
  TroupeError,
} from '@troupe/core'
import { type Broker, type BrokerOptions, startBroker } from '@troupe/embedded'
import { Partitioners } from 'kafkajs'
import { connectKafka, type KafkaConnection } from './client.ts'
import { onWire } from './namespace.ts'
import type { PartitionWork, ReceivedBatch } from './partition-work.ts'
import { createReceiver, type Receiver } from './receive.ts'
import type { ReceiverOptions } from './receiver-options.ts'
import { ensureTopics } from './topics.ts'

/** Resolves when the condition holds; rejects, saying what was waited for, when it does not come to that. */
export async function until(what: string, condition: () => boolean, timeoutMs = 15_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export interface LogLine {
  readonly level: keyof Log
  readonly facts: Readonly<Record<string, unknown>>
  readonly message: string
}

export function recordingLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const at = (level: keyof Log) => (facts: object, message: string) =>
    void lines.push({ level, facts: facts as LogLine['facts'], message })
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

const { TROUPE_STACK: stack, TROUPE_EXTERNAL_KAFKA: external } = process.env
/** The broker that somebody else runs, where `TROUPE_STACK` says so. */
const externalAddress = stack === 'external' ? external : undefined

/** A test that stops the broker, looks into it, or wants it otherwise: only the embedded one allows that. */
export const itOnEmbedded: typeof it.skip = externalAddress === undefined ? it : it.skip

/**
 * Runs the test with a broker of its own, or on an external one in a namespace of its own, and stops
 * everything that the test started.
 */
export async function withBroker(
  test: (bench: Bench) => Promise<void>,
  options: BrokerOptions = {},
): Promise<void> {
  const bench = new Bench(
    externalAddress === undefined ? await startBroker({ autoCreateTopics: false, ...options }) : undefined,
  )
  try {
    await test(bench)
  } finally {
    await bench.close()
  }
}

export class Bench {
  readonly address: string
  readonly log = recordingLog()
  readonly connection: KafkaConnection
  readonly #closing: (() => Promise<unknown>)[] = []
  #broker: Broker | undefined

  constructor(broker: Broker | undefined) {
    this.#broker = broker
    this.address = broker?.address ?? externalAddress ?? ''
    const within = broker ? {} : { namespace: `k${randomUUID().slice(0, 8)}` }
    this.connection = connectKafka({ clientId: 'test', brokers: [this.address], ...within }, this.log)
  }

  /** The embedded one: see {@link itOnEmbedded}. */
  get broker(): Broker {
    if (!this.#broker) throw new Error('this test needs the embedded broker')
    return this.#broker
  }

  set broker(broker: Broker) {
    this.#broker = broker
  }

  async createTopic(topic: string, partitions = 1): Promise<void> {
    if (this.#broker) this.#broker.createTopic(topic, partitions)
    else await ensureTopics(this.connection, [{ topic, partitions }])
  }

  later(close: () => Promise<unknown>): void {
    this.#closing.unshift(close)
  }

  receiver(
    options: Omit<ReceiverOptions, 'connection' | 'log' | 'groupId'> & { groupId?: string },
  ): Receiver {
    const receiver = createReceiver({
      connection: this.connection,
      log: this.log,
      groupId: 'payment',
      ...options,
    })
    this.later(() => receiver.stop({ graceMs: 100 }))
    return receiver
  }

  /** Publishes these values as they are, to a named partition. */
  async publish(topic: string, values: readonly string[], partition = 0): Promise<void> {
    const client = this.connection.open()
    const producer = client.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    await producer.send({
      topic: onWire(this.connection, topic),
      messages: values.map((value) => ({ value, partition })),
    })
    await producer.disconnect()
    client.destroy()
  }

  /** Deletes the records of a partition before this offset. */
  async deleteBefore(name: string, partition: number, offset: string): Promise<void> {
    const topic = onWire(this.connection, name)
    const client = this.connection.open()
    const admin = client.kafka.admin()
    await admin.connect()
    // Without asking for them first, kafkajs knows no leader to send the request to.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset }] })
    await admin.disconnect()
    client.destroy()
  }

  /** Reads a whole topic with a plain consumer of its own group. */
  async readAll(topic: string, count: number): Promise<readonly RawRecord[]> {
    const ledger = new MemoryLedger()
    const receiver = createReceiver({
      connection: this.connection,
      log: recordingLog(),
      groupId: `reader-${Math.random()}`,
      topics: [topic],
      assign: (partition) => Promise.resolve(ledger.work(partition)),
    })
    await receiver.start()
    await until(
      `${count} records in ${topic}, saw ${ledger.records.length}`,
      () => ledger.records.length >= count,
    )
    await receiver.stop()
    return ledger.records
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close()
    if (this.#broker) await this.#broker.stop()
    else await this.#tidy()
  }

  async #tidy(): Promise<void> {
    const client = this.connection.open()
    const admin = client.kafka.admin()
    await admin.connect()
    const begins = (name: string) => name.startsWith(onWire(this.connection, ''))
    const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId).filter(begins)
    // One that a test left without saying goodbye is not empty yet: it goes by itself.
    if (groups.length > 0) await admin.deleteGroups(groups).catch(() => {})
    const topics = (await admin.listTopics()).filter(begins)
    if (topics.length > 0) await admin.deleteTopics({ topics })
    await admin.disconnect()
    client.destroy()
  }
}

/** Positions with a fence, and every record that was settled, in order. */
export class MemoryLedger {
  readonly positions = new Map<string, { epoch: number; next: bigint | undefined }>()
  readonly records: RawRecord[] = []
  readonly batches: ReceivedBatch[] = []
  readonly claims: string[] = []
  readonly releases: string[] = []

  claim(partition: TopicPartition): { readonly epoch: number; readonly next: bigint | undefined } {
    const key = laneOf(partition)
    const held = this.positions.get(key)
    const claim = { epoch: (held?.epoch ?? 0) + 1, next: held?.next }
    this.positions.set(key, claim)
    this.claims.push(key)
    return claim
  }

  settle(epoch: number, batch: ReceivedBatch): void {
    const key = laneOf(batch)
    const held = this.positions.get(key)
    if (held?.epoch !== epoch) throw new TroupeError('TROUPE_FENCED', `${key} was claimed by another owner`)
    if (held.next !== undefined && held.next !== batch.from) {
      throw new Error(`${key} is at ${held.next}, but the batch begins at ${batch.from}`)
    }
    this.positions.set(key, { epoch, next: batch.to })
    this.records.push(...batch.records)
    this.batches.push(batch)
  }

  /** Work that settles each batch here, after `before`. */
  work(partition: TopicPartition, before?: (batch: ReceivedBatch) => Promise<void>): PartitionWork {
    const { epoch, next } = this.claim(partition)
    return {
      next,
      take: async (batch) => {
        await before?.(batch)
        this.settle(epoch, batch)
      },
      release: () => {
        this.releases.push(laneOf(partition))
        return Promise.resolve()
      },
    }
  }

  get values(): readonly string[] {
    return this.records.map(({ value }) => textOf(value))
  }

  valuesOf(partition: number): readonly string[] {
    return this.records.filter((record) => record.partition === partition).map(({ value }) => textOf(value))
  }
}

export function textOf(value: Uint8Array | null): string {
  return value === null ? '' : Buffer.from(value).toString()
}

export function outgoing(id: string, options: Partial<OutgoingRecord> = {}): OutgoingRecord {
  return {
    id,
    lane: 'commands',
    topic: 'order.events',
    key: 'order-1',
    headers: { ce_id: id },
    value: Buffer.from(id),
    ...options,
  }
}

export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`)
}
