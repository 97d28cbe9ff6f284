import { orderOf } from '@troupe/cli'
import { headersOf } from '@troupe/core'
import { carriedIn, decodeFetch, encodeProduce, type WireRecord } from '@troupe/kafka/wire'
import { createRequire } from 'node:module'
import { v7 } from 'uuid'
import { type Figures, medianOf } from '../report/figure.ts'
import type { BenchCase } from '../run/case.ts'

/** What a record costs on its way to the wire and from it, here and in kafkajs. */
export const records: BenchCase = {
  name: 'records',
  title: 'encoding a produce request and decoding a fetch, per record: @troupe/kafka and kafkajs, in turns',
  sizes: {
    records: { full: 500, quick: 50, what: 'records in a request' },
    requests: { full: 50, quick: 3, what: 'requests in each round' },
    rounds: { full: 9, quick: 1, what: 'rounds of each' },
  },
  async run({ size, signal, note, problem }) {
    const batch = Array.from({ length: size('records') }, recordOf)
    const [ours, theirs] = [encodeProduce(bodyOf(batch)), await encodeByKafkajs(batch)]
    if (!ours.equals(theirs)) problem('kafkajs encodes these records to other bytes')
    const answer = answerWith(ours.subarray(recordSetAt))
    const decoded = countOf(await decodeFetch(answer))
    if (decoded !== batch.length) problem(`${decoded} of ${batch.length} records were decoded`)

    const ways: Readonly<Record<string, () => unknown>> = {
      'encode [ours]': () => encodeProduce(bodyOf(batch)),
      'encode [kafkajs]': () => encodeByKafkajs(batch),
      'decode [ours]': () => decodeFetch(answer),
      'decode [kafkajs]': () => kafkajsFetch.decode(answer),
    }
    const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]))
    // A round more, for V8 to compile.
    for (let round = 0; round <= size('rounds'); round += 1) {
      signal.throwIfAborted()
      for (const [name, way] of Object.entries(ways)) {
        const us = await microsecondsOf(way, size('requests'))
        if (round > 0) times.get(name)?.push(us / batch.length)
      }
    }
    note(`${batch.length} records are ${ours.length} bytes`)
    return figuresOf(times)
  },
}

const topic = 'order.events'
const timestampMs = 1_700_000_000_000
/** Transaction, acks, timeout, one topic with its name, one partition with its number and the size of its records. */
const recordSetAt = 2 + 2 + 4 + 4 + (2 + topic.length) + 4 + 4 + 4

/** As the demo's order service says it, its value as long as the Avro of it. */
function recordOf(): WireRecord {
  const [orderId, id] = [v7(), v7()]
  const headers = headersOf({
    id,
    type: 'OrderReceived',
    source: 'order',
    timeMs: timestampMs,
    key: orderId,
    correlationId: orderId,
    causationId: undefined,
    traceparent: `00-${id.replaceAll('-', '')}-${id.slice(0, 8)}00000000-01`,
    tracestate: undefined,
  })
  return { key: Buffer.from(orderId), value: Buffer.from(JSON.stringify(orderOf('good'))), headers }
}

const bodyOf = (batch: readonly WireRecord[]) => ({
  acks: -1,
  topic,
  partitions: [{ partition: 0, records: batch }],
  timestampMs,
})

interface Encoder {
  readonly buffer: Buffer
  writeInt16(value: number): this
  writeInt32(value: number): this
  writeInt64(value: string): this
  writeString(value: string): this
  writeBuffer(value: Buffer): this
}

const kafkajs = createRequire(import.meta.url)
const kafkajsProduce = kafkajs('kafkajs/src/protocol/requests/produce/v7/request.js') as (
  options: object,
) => {
  encode(): Promise<{ readonly buffer: Buffer }>
}
const kafkajsFetch = kafkajs('kafkajs/src/protocol/requests/fetch/v11/response.js') as {
  decode(raw: Buffer): Promise<unknown>
}
const KafkajsEncoder = kafkajs('kafkajs/src/protocol/encoder.js') as new () => Encoder

async function encodeByKafkajs(batch: readonly WireRecord[]): Promise<Buffer> {
  const messages = batch.map((record) => ({ ...record, timestamp: timestampMs }))
  const topicData = [{ topic, partitions: [{ partition: 0, firstSequence: 0, messages }] }]
  return (await kafkajsProduce({ acks: -1, timeout: 30_000, topicData }).encode()).buffer
}

/** What a broker answers to a fetch of one partition. */
function answerWith(recordSet: Buffer): Buffer {
  const encoder = new KafkajsEncoder().writeInt32(0).writeInt16(0).writeInt32(0).writeInt32(1)
  encoder.writeString(topic).writeInt32(1).writeInt32(0).writeInt16(0)
  encoder.writeInt64('1000000').writeInt64('1000000').writeInt64('0').writeInt32(0).writeInt32(-1)
  return Buffer.from(encoder.writeInt32(recordSet.length).writeBuffer(recordSet).buffer)
}

function countOf({ responses }: Awaited<ReturnType<typeof decodeFetch>>): number {
  return carriedIn(responses[0]?.partitions[0]?.messages ?? [])?.records.length ?? 0
}

async function microsecondsOf(way: () => unknown, times: number): Promise<number> {
  const sinceMs = performance.now()
  for (let time = 0; time < times; time += 1) await way()
  return ((performance.now() - sinceMs) * 1_000) / times
}

function figuresOf(times: ReadonlyMap<string, readonly number[]>): Figures {
  const us = new Map([...times].map(([name, values]) => [name, medianOf(values)]))
  const ratio = (way: string) => (us.get(`${way} [kafkajs]`) ?? 0) / (us.get(`${way} [ours]`) ?? 0)
  return {
    ...Object.fromEntries([...us].map(([name, value]) => [name, { value, unit: 'µs' as const }])),
    'encode [kafkajs / ours]': { value: ratio('encode'), unit: 'ratio' },
    'decode [kafkajs / ours]': { value: ratio('decode'), unit: 'ratio' },
  }
}
