import { createCodec } from '@troupe/avro'
import {
  type AnyEventType,
  type Codec,
  deadLetterHeaders,
  envelopeOf,
  type Log,
  typeHeaderOf,
} from '@troupe/core'
import { Kafka, type KafkaMessage, logLevel } from 'kafkajs'
import { createHash, randomUUID } from 'node:crypto'
import type { DeadLetterRecord, Facts, PoisonRecord, PublishedRecord } from '../checks/facts.ts'
import { storyServices } from '../checks/story.ts'
import { type PoisonForm, poisonHeader } from '../poison/forms.ts'

export type TopicFacts = Pick<Facts, 'records' | 'poison' | 'deadLetters'>

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** The end of every partition of these topics, by `topic/partition`; topics that are not there are left out. */
export async function readEnds(
  kafka: string,
  topics: readonly string[],
): Promise<ReadonlyMap<string, bigint>> {
  const admin = clientOf(kafka).admin()
  await admin.connect()
  try {
    const there = new Set(await admin.listTopics())
    const ends = new Map<string, bigint>()
    for (const topic of topics.filter((name) => there.has(name))) {
      for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
        ends.set(`${topic}/${partition}`, BigInt(high))
      }
    }
    return ends
  } finally {
    await admin.disconnect()
  }
}

/** Reads everything that the demo's services ever published. */
export async function readTopics(kafka: string, registryUrl: string): Promise<TopicFacts> {
  const reading = createReading(registryUrl)
  const topics = storyServices.flatMap(({ topic, deadLetterTopic }) => [topic, deadLetterTopic])
  await readRecords(kafka, topics, reading.take)
  return reading.facts
}

/** Reads these topics to their ends, with a plain kafkajs consumer, each partition in the order of its log. */
export async function readRecords(
  kafka: string,
  topics: readonly string[],
  take: (topic: string, partition: number, message: KafkaMessage) => Promise<void> | void,
): Promise<void> {
  const ends = await readEnds(kafka, topics)
  const wanted = new Map([...ends].filter(([, end]) => end > 0n))
  if (wanted.size === 0) return
  const consumer = clientOf(kafka).consumer({
    groupId: `chaos-${randomUUID()}`,
    maxBytesPerPartition: 8 * 1024 * 1024,
    maxWaitTimeInMs: 100,
  })
  try {
    await consumer.connect()
    await consumer.subscribe({
      topics: [...new Set([...wanted.keys()].map((lane) => lane.split('/')[0] ?? ''))],
      fromBeginning: true,
    })
    await new Promise<void>((resolve, reject) => {
      consumer.on('consumer.crash', ({ payload }) => reject(payload.error))
      void consumer
        .run({
          async eachBatch({ batch: { topic, partition, messages } }) {
            const lane = `${topic}/${partition}`
            for (const message of messages) await take(topic, partition, message)
            const last = messages.at(-1)
            if (last && BigInt(last.offset) + 1n >= (wanted.get(lane) ?? 0n)) wanted.delete(lane)
            if (wanted.size === 0) resolve()
          },
        })
        .catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
}

function clientOf(kafka: string): Kafka {
  return new Kafka({ clientId: 'chaos', brokers: [kafka], logLevel: logLevel.NOTHING })
}

function createReading(registryUrl: string) {
  const codec = createCodec({ registryUrl, log: silent })
  const types = new Map(storyServices.flatMap(({ says }) => says).map((type) => [type.type, type]))
  const deadLetterTopics = new Set(storyServices.map(({ deadLetterTopic }) => deadLetterTopic))
  const records: PublishedRecord[] = []
  const poison: PoisonRecord[] = []
  const deadLetters: DeadLetterRecord[] = []

  async function take(topic: string, partition: number, message: KafkaMessage): Promise<void> {
    const { key, value, offset, timestamp } = message
    const headers = (message.headers ?? {}) as Parameters<typeof typeHeaderOf>[0]
    if (deadLetterTopics.has(topic)) {
      const { topic: its, partition: number, offset: at, failedAt, message: why } = deadLetterHeaders
      deadLetters.push({
        topic,
        from: [its, number, at].map((name) => String(headers[name])).join('/'),
        fingerprint: fingerprintOf(message),
        failedAt: String(headers[failedAt]),
        message: `${typeHeaderOf(headers) ?? 'without a name'}: ${String(headers[why])}`,
      })
      return
    }
    const poisoned = headers[poisonHeader]
    if (poisoned !== undefined) {
      poison.push({
        topic,
        partition,
        offset: BigInt(offset),
        form: String(poisoned).split('/')[0] as PoisonForm,
        type: typeHeaderOf(headers),
        fingerprint: fingerprintOf(message),
      })
      return
    }
    const keyText = key?.toString() ?? null
    const envelope = envelopeOf(headers, {
      topic,
      partition,
      offset,
      key: keyText,
      timestampMs: Number(timestamp),
    })
    records.push({
      topic,
      partition,
      offset: BigInt(offset),
      source: envelope.source,
      id: envelope.id,
      type: envelope.type,
      key: envelope.key,
      saga: envelope.correlationId,
      causationId: envelope.causationId,
      fingerprint: fingerprintOf(message),
      said: createHash('sha1')
        .update(value ?? '')
        .digest('base64url'),
      ...(await amountsOf(codec, types.get(envelope.type), value)),
    })
  }

  return { take, facts: { records, poison, deadLetters } }
}

const ofDeadLetters: ReadonlySet<string> = new Set(Object.values(deadLetterHeaders))

/** Of key, value and headers; of a dead letter, of those that its record came with. */
function fingerprintOf({ key, value, headers = {} }: KafkaMessage): string {
  const came = Object.entries(headers)
    .filter(([name]) => !ofDeadLetters.has(name))
    .map(([name, values]) => [name, [values ?? []].flat().map(String)] as const)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
  const all = [key?.toString('base64') ?? null, value?.toString('base64') ?? null, came]
  return createHash('sha1').update(JSON.stringify(all)).digest('base64url')
}

const withMoney = new Set(['PaymentProcessed', 'PaymentRefunded'])
const withStock = new Set(['InventoryReserved', 'InventoryReleased'])

async function amountsOf(
  codec: Codec,
  type: AnyEventType | undefined,
  value: Buffer | null,
): Promise<Pick<PublishedRecord, 'cents' | 'pieces'>> {
  if (!type || !value) return {}
  if (withMoney.has(type.type)) {
    const { amountCents } = (await codec.decode(type, value)) as { readonly amountCents: number }
    return { cents: amountCents }
  }
  if (!withStock.has(type.type)) return {}
  const { items } = (await codec.decode(type, value)) as {
    readonly items: readonly { readonly sku: string; readonly quantity: number }[]
  }
  return { pieces: Object.fromEntries(items.map(({ sku, quantity }) => [sku, quantity])) }
}
