import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from '@jest/globals'
import {
  type ClaimedTopic,
  laneOf,
  type Log,
  type OutgoingRecord,
  type RawRecord,
  type TopicPartition,
  TroupeError,
} from '@troupe/core'
import { type Broker, freePort, startBroker } from '@troupe/embedded'
import { type Admin, Partitioners } from 'kafkajs'
import { clusterOf, connectKafka, type KafkaConnection } from './client/client.ts'
import { offWire, onWire } from './client/namespace.ts'
import type { PartitionWork, ReceivedBatch } from './receive/partition-work.ts'
import { createReceiver, type Receiver } from './receive/receive.ts'
import type { ReceiverOptions } from './receive/receiver-options.ts'
import { advertising, startTcpProxy, type TcpProxy } from './tcp-proxy.test.kit.ts'
import { ensureTopics } from './topics/topics.ts'

/** Resolves when the condition holds; rejects, saying what was waited for, when it does not come to that. */
export async function until(what: string, condition: () => boolean, timeoutMs = 60_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** The part of kafkajs's cluster that its types leave out. */
interface Coordinators {
  connect(): Promise<void>
  findGroupCoordinator(of: {
    readonly groupId: string
  }): Promise<{ offsetCommit(commit: object): Promise<void> }>
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

/**
 * A test in which the broker misbehaves on request, by `bench.broker.onRequest`: only the embedded one does.
 * On another one it is skipped, and a line says why.
 */
export const itOnEmbedded = (title: string, test: () => Promise<void>, timeoutMs?: number): void => {
  if (externalAddress === undefined) return it(title, test, timeoutMs)
  process.stderr.write(`SKIPPED "… ${title}": only the embedded broker misbehaves on request\n`)
  it.skip(title, test)
}

/** What a test wants of its broker. */
export interface BenchOptions {
  /** The broker will be stopped and started: an external one is cut off instead, by a proxy before it. */
  readonly isStopped?: boolean
}

/**
 * Runs the test with a broker of its own, or on an external one in a namespace of its own, and stops
 * everything that the test started.
 */
export async function withBroker(
  test: (bench: Bench) => Promise<void>,
  { isStopped = false }: BenchOptions = {},
): Promise<void> {
  const bench = externalAddress === undefined ? await ownBench(isStopped) : await sharedBench(isStopped)
  try {
    await test(bench)
  } finally {
    await bench.close()
  }
}

async function ownBench(isStopped: boolean): Promise<Bench> {
  const dir = isStopped ? mkdtempSync(join(tmpdir(), 'troupe-kafka-')) : undefined
  const start = (port: number) =>
    startBroker({ autoCreateTopics: false, port, ...(dir === undefined ? {} : { dir }) })
  let broker = await start(isStopped ? await freePort() : 0)
  return new Bench(broker.address, {
    embedded: () => broker,
    createTopic: (topic, partitions) => void broker.createTopic(topic, partitions),
    stop: () => broker.stop(),
    async start() {
      broker = await start(broker.port)
    },
    async close() {
      await broker.stop()
      if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
    },
  })
}

async function sharedBench(isStopped: boolean): Promise<Bench> {
  const namespace = `k${randomUUID().slice(0, 8)}`
  const direct = new Bench(String(externalAddress), { namespace, close: () => direct.tidy() })
  if (!isStopped) return direct
  const { proxy, address } = await direct.proxy()
  return new Bench(address, {
    namespace,
    stop: () => proxy.refuse(),
    start: () => proxy.accept(),
    async close() {
      await proxy.close()
      await direct.close()
    },
  })
}

interface BenchBroker {
  readonly namespace?: string
  readonly embedded?: () => Broker
  /** Faster than to ask for it over the wire. */
  createTopic?(topic: string, partitions: number): void
  stop?(): Promise<void>
  start?(): Promise<void>
  close(): Promise<void>
}

export class Bench {
  readonly address: string
  readonly log = recordingLog()
  readonly connection: KafkaConnection
  readonly #closing: (() => Promise<unknown>)[] = []
  readonly #broker: BenchBroker

  constructor(address: string, broker: BenchBroker) {
    this.address = address
    this.#broker = broker
    this.connection = this.connect(address)
  }

  /** The embedded one: see {@link itOnEmbedded}. */
  get broker(): Broker {
    if (!this.#broker.embedded) throw new Error('this test needs the embedded broker')
    return this.#broker.embedded()
  }

  /** A connection by way of this address, in the test's namespace if it has one. */
  connect(address: string): KafkaConnection {
    const { namespace } = this.#broker
    const within = namespace === undefined ? {} : { namespace }
    return connectKafka({ clientId: 'test', brokers: [address], ...within }, this.log)
  }

  async createTopic(topic: string, partitions = 1, config?: Readonly<Record<string, string>>): Promise<void> {
    if (this.#broker.createTopic && !config) this.#broker.createTopic(topic, partitions)
    else await ensureTopics(this.connection, [{ topic, partitions, ...(config ? { config } : {}) }])
  }

  /** Every topic with the number of its partitions, sorted by name. */
  async topics(): Promise<readonly (readonly [name: string, partitions: number])[]> {
    const { topics } = await this.#asAdmin((admin) => admin.fetchTopicMetadata())
    return topics
      .filter(({ name }) => this.#isOwn(name))
      .map(({ name, partitions }) => [offWire(this.connection, name), partitions.length] as const)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
  }

  /** How many members a group has, and the offsets that it has committed of a topic, by partition. */
  async group(
    groupId: string,
    topic: string,
  ): Promise<{ readonly members: number; readonly offsets: readonly string[] }> {
    return await this.#asAdmin(async (admin) => {
      const wireId = onWire(this.connection, groupId)
      const { groups } = await admin.describeGroups([wireId])
      const [of] = await admin.fetchOffsets({ groupId: wireId, topics: [onWire(this.connection, topic)] })
      const offsets = of?.partitions.map(({ offset }) => offset) ?? []
      return { members: groups[0]?.members.length ?? 0, offsets }
    })
  }

  /** Commits offsets for a group that nobody has joined. */
  async setOffset(groupId: string, name: string, partition: number, offset: string): Promise<void> {
    const client = this.connection.open()
    try {
      // kafkajs's admin joins the group for it, and waits for a fetch of five seconds.
      const cluster = clusterOf(client) as unknown as Coordinators
      await cluster.connect()
      const coordinator = await cluster.findGroupCoordinator({ groupId: onWire(this.connection, groupId) })
      await coordinator.offsetCommit({
        groupId: onWire(this.connection, groupId),
        groupGenerationId: -1,
        memberId: '',
        topics: [{ topic: onWire(this.connection, name), partitions: [{ partition, offset }] }],
      })
    } finally {
      client.destroy()
    }
  }

  /** Stops the broker; an external one is away for this test only. */
  async stopBroker(): Promise<void> {
    if (!this.#broker.stop) throw new Error('say withBroker(…, { isStopped: true })')
    await this.#broker.stop()
  }

  async startBroker(): Promise<void> {
    await this.#broker.start?.()
  }

  /**
   * A proxy before the broker, which sends its clients to the proxy as well, or to `advertised`: another port
   * of the same host. `change` may touch what the broker answers.
   */
  async proxy(
    advertised?: number,
    change: (chunk: Buffer) => Buffer = (chunk) => chunk,
  ): Promise<{ readonly proxy: TcpProxy; readonly address: string }> {
    const [host = '', port] = this.address.split(':')
    const own = { port: 0 }
    const proxy = await startTcpProxy(
      { host, port: Number(port) },
      { rewrite: (chunk) => change(advertising(advertised ?? own.port, host)(chunk)) },
    )
    own.port = proxy.port
    this.later(() => proxy.close())
    return { proxy, address: `${host}:${proxy.port}` }
  }

  later(close: () => Promise<unknown>): void {
    this.#closing.unshift(close)
  }

  receiver(
    options: Omit<ReceiverOptions, 'connection' | 'log' | 'groupId'> &
      Partial<Pick<ReceiverOptions, 'connection' | 'groupId'>>,
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

  /** Adds partitions to a topic, up to this number. */
  async grow(name: string, count: number): Promise<void> {
    const topic = onWire(this.connection, name)
    await this.#asAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count }] }))
  }

  /** Deletes a topic, and makes another of its name. */
  async replaceTopic(name: string, partitions = 1): Promise<void> {
    await this.#asAdmin((admin) => admin.deleteTopics({ topics: [onWire(this.connection, name)] }))
    // A broker may show it for a while.
    while ((await this.topics()).some(([shown]) => shown === name)) await new Promise(setImmediate)
    await this.createTopic(name, partitions)
  }

  /** Deletes the records of a partition before this offset. */
  async deleteBefore(name: string, partition: number, offset: string): Promise<void> {
    const topic = onWire(this.connection, name)
    await this.#asAdmin(async (admin) => {
      // Without asking for them first, kafkajs knows no leader to send the request to.
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset }] })
    })
  }

  /** Reads a whole topic with a plain consumer of its own group: all of so many records. */
  readAll(topic: string, count: number): Promise<readonly RawRecord[]> {
    return this.#read(topic, count, (records) => records)
  }

  /** The same without repetitions. */
  readOnce(topic: string, count: number): Promise<readonly RawRecord[]> {
    return this.#read(topic, count, firsts)
  }

  async #read(
    topic: string,
    count: number,
    those: (records: readonly RawRecord[]) => readonly RawRecord[],
  ): Promise<readonly RawRecord[]> {
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
      () => those(ledger.records).length >= count,
    )
    await receiver.stop()
    return those(ledger.records)
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close()
    await this.#broker.close()
  }

  /** Removes what tests have made in this namespace. */
  async tidy(): Promise<void> {
    await this.#asAdmin(async (admin) => {
      const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId)
      const own = groups.filter((name) => this.#isOwn(name))
      // One that a test left without saying goodbye is not empty yet: it goes by itself.
      if (own.length > 0) await admin.deleteGroups(own).catch(() => {})
      const topics = (await admin.listTopics()).filter((name) => this.#isOwn(name))
      if (topics.length > 0) await admin.deleteTopics({ topics })
    })
  }

  #isOwn(wireName: string): boolean {
    return wireName.startsWith(onWire(this.connection, ''))
  }

  async #asAdmin<Result>(work: (admin: Admin) => Promise<Result>): Promise<Result> {
    const client = this.connection.open()
    const admin = client.kafka.admin()
    try {
      await admin.connect()
      const result = await work(admin)
      await admin.disconnect()
      return result
    } finally {
      client.destroy()
    }
  }
}

/**
 * What a service would apply: a broker that does not lead a new partition yet has a request repeated, and
 * then the same events come twice. Told from each other by key and value.
 */
export function firsts(records: readonly RawRecord[]): readonly RawRecord[] {
  const seen = new Set<string>()
  return records.filter((record) => {
    const id = `${textOf(record.key)}/${textOf(record.value)}`
    return !seen.has(id) && seen.add(id)
  })
}

/** Positions with a fence, and every record that was settled, in order. */
export class MemoryLedger {
  readonly positions = new Map<
    string,
    { epoch: number; next: bigint | undefined; topicId?: string | undefined }
  >()
  readonly records: RawRecord[] = []
  readonly batches: ReceivedBatch[] = []
  readonly claims: string[] = []
  readonly releases: string[] = []

  claim(
    partition: TopicPartition,
    { id, replaces }: ClaimedTopic = {},
  ): { readonly epoch: number; readonly next: bigint | undefined; readonly topicId: string | undefined } {
    const key = laneOf(partition)
    const held = this.positions.get(key)
    const epoch = (held?.epoch ?? 0) + 1
    const claim =
      replaces !== undefined && held?.topicId === replaces
        ? { epoch, next: undefined, topicId: id }
        : { epoch, next: held?.next, topicId: held?.topicId ?? id }
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
    this.positions.set(key, { ...held, next: batch.to })
    this.records.push(...batch.records)
    this.batches.push(batch)
  }

  /** Work that settles each batch here, after `before`. */
  work(
    partition: TopicPartition,
    before?: (batch: ReceivedBatch) => Promise<void>,
    topic?: ClaimedTopic,
  ): PartitionWork {
    const { epoch, next, topicId } = this.claim(partition, topic)
    return {
      next,
      topicId,
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
