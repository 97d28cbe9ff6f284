// What other teams put into Kafka and the registry, and what comes out of a topic. Not part of the package.
import { describe } from '@jest/globals'
import { createCodec } from '@troupe/avro'
import {
  type Codec,
  deadLetterHeaders,
  headerNames,
  isTroupeError,
  type Log,
  type OutgoingRecord,
  type RawRecord,
} from '@troupe/core'
import { connectKafka, createReceiver, createRelay } from '@troupe/kafka'
import type { Settings } from '../settings/environment.ts'
import { keepingLog, until } from './fakes.test.kit.ts'

/** What only the embedded stack does: a broker that misbehaves on request, a registry that forgets its ids. */
export const describeOnEmbedded = (title: string, body: () => void): void => {
  if (process.env['TROUPE_STACK'] !== 'external') return describe(title, body)
  process.stderr.write(`SKIPPED "${title} …": only the embedded stack does that\n`)
  describe.skip(title, body)
}

/** The name of a topic or subject as others see it. */
export function wireNameOf({ namespace }: Settings, name: string): string {
  return namespace === undefined ? name : `${namespace}.${name}`
}

/** A connection of somebody else's, to the same topics. */
export function connectForeign(settings: Settings, clientId: string, log: Log = keepingLog()) {
  const { kafkaBrokers, namespace } = settings
  const within = namespace === undefined ? {} : { namespace }
  return connectKafka({ clientId, brokers: [...kafkaBrokers], ...within }, log)
}

/** A codec that is no service's; a registry that is busy is asked again. */
export function foreignCodec({ registryUrl, namespace }: Settings, log: Log = keepingLog()): Codec {
  const codec = createCodec({ registryUrl, log, ...(namespace === undefined ? {} : { namespace }) })
  return {
    ...codec,
    register: (types) =>
      until(() =>
        codec.register(types).then(
          () => true,
          (error: unknown) => {
            if (isTroupeError(error, 'TROUPE_REGISTRY_UNREACHABLE')) return false
            throw error
          },
        ),
      ),
  }
}

/** What a test closes at its end. */
export type Closing = (() => Promise<unknown>)[]

/** Registers a schema as somebody else's, and gives its id. */
export function register(settings: Settings, subject: string, schema: object): Promise<number> {
  return post(settings, subject, { schema: JSON.stringify(schema) })
}

async function post(settings: Settings, subject: string, body: object): Promise<number> {
  const name = wireNameOf(settings, subject)
  const answer = await fetch(`${settings.registryUrl}/subjects/${name}/versions`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  })
  return ((await answer.json()) as { id: number }).id
}

/** Publishes records as another team would. */
export async function foreignProducer(settings: Settings, closing: Closing) {
  const log = keepingLog()
  const connection = connectForeign(settings, 'foreign', log)
  const relay = createRelay({ connection, log })
  await relay.start()
  closing.push(() => relay.stop({ graceMs: 1_000 }))
  let count = 0
  return async (record: Pick<OutgoingRecord, 'topic' | 'value'> & Partial<OutgoingRecord>) => {
    relay.push([{ id: `foreign-${count++}`, lane: 'foreign', key: null, headers: {}, ...record }])
    await relay.drained()
  }
}

/** Deletes a topic, and returns when no broker shows it any more. */
export async function deleteTopic(settings: Settings, topic: string): Promise<void> {
  const name = wireNameOf(settings, topic)
  const client = connectForeign(settings, 'janitor').open()
  const admin = client.kafka.admin()
  try {
    await admin.connect()
    await admin.deleteTopics({ topics: [name] })
    await until(async () => !(await admin.listTopics()).includes(name), 20_000)
  } finally {
    await admin.disconnect()
    client.destroy()
  }
}

/**
 * Everything that a topic holds, as it comes: each event once, where it came first, since Kafka may hold it
 * twice. A dead letter is told from others by its name, and by when its event failed.
 */
export async function tape(settings: Settings, topic: string, closing: Closing): Promise<RawRecord[]> {
  const records: RawRecord[] = []
  const seen = new Set<string>()
  const log = keepingLog()
  const receiver = createReceiver({
    connection: connectForeign(settings, 'tape', log),
    groupId: `tape-${topic}`,
    topics: [topic],
    log,
    assign: async () => ({
      next: 0n,
      take: async (batch) => void records.push(...batch.records.filter((one) => isNew(one, seen))),
      release: async () => {},
    }),
  })
  await receiver.start()
  closing.push(() => receiver.stop())
  return records
}

function isNew({ headers, topic, partition, offset }: RawRecord, seen: Set<string>): boolean {
  const { letter, failedAt } = deadLetterHeaders
  const names = headers[letter] === undefined ? [headerNames.source, headerNames.id] : [letter, failedAt]
  const identity = names.every((name) => headers[name] !== undefined)
    ? names.map((name) => String(headers[name]))
    : [topic, partition, offset]
  const isFirst = !seen.has(identity.join(' '))
  seen.add(identity.join(' '))
  return isFirst
}

/** A schema that is not Avro. */
export function registerJson(settings: Settings, subject: string): Promise<number> {
  const schema = { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' }
  return post(settings, subject, { schemaType: 'JSON', schema: JSON.stringify(schema) })
}
