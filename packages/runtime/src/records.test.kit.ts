// What other teams put into Kafka and the registry, and what comes out of a topic. Not part of the package.
import { describe } from '@jest/globals'
import type { OutgoingRecord, RawRecord } from '@troupe/core'
import { connectKafka, createReceiver, createRelay } from '@troupe/kafka'
import type { Settings } from './environment.ts'
import { keepingLog } from './fakes.test.kit.ts'

/** Tests that publish as others do, and empty the registry: they need a stack of their own. */
export const describeOnEmbedded: typeof describe.skip =
  process.env['TROUPE_STACK'] === 'external' ? describe.skip : describe

/** What a test closes at its end. */
export type Closing = (() => Promise<unknown>)[]

/** Registers a schema as somebody else's, and gives its id. */
export async function register({ registryUrl }: Settings, subject: string, schema: object): Promise<number> {
  const answer = await fetch(`${registryUrl}/subjects/${subject}/versions`, {
    method: 'POST',
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
    headers: { 'content-type': 'application/json' },
  })
  return ((await answer.json()) as { id: number }).id
}

/** Publishes records as another team would. */
export async function foreignProducer({ kafkaBrokers }: Settings, closing: Closing) {
  const log = keepingLog()
  const connection = connectKafka({ clientId: 'foreign', brokers: [...kafkaBrokers] }, log)
  const relay = createRelay({ connection, log })
  await relay.start()
  closing.push(() => relay.stop({ graceMs: 1_000 }))
  let count = 0
  return async (record: Pick<OutgoingRecord, 'topic' | 'value'> & Partial<OutgoingRecord>) => {
    relay.push([{ id: `foreign-${count++}`, lane: 'foreign', key: null, headers: {}, ...record }])
    await relay.drained()
  }
}

/** Everything that a topic holds, as it comes. */
export async function tape(
  { kafkaBrokers }: Settings,
  topic: string,
  closing: Closing,
): Promise<RawRecord[]> {
  const records: RawRecord[] = []
  const log = keepingLog()
  const receiver = createReceiver({
    connection: connectKafka({ clientId: 'tape', brokers: [...kafkaBrokers] }, log),
    groupId: `tape-${topic}`,
    topics: [topic],
    log,
    assign: async () => ({
      next: 0n,
      take: async (batch) => void records.push(...batch.records),
      release: async () => {},
    }),
  })
  await receiver.start()
  closing.push(() => receiver.stop())
  return records
}

/** A schema that is not Avro. */
export async function registerJson({ registryUrl }: Settings, subject: string): Promise<number> {
  const answer = await fetch(`${registryUrl}/subjects/${subject}/versions`, {
    method: 'POST',
    body: JSON.stringify({ schemaType: 'JSON', schema: '{"type":"object"}' }),
    headers: { 'content-type': 'application/json' },
  })
  return ((await answer.json()) as { id: number }).id
}
