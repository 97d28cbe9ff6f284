import { createRequire } from 'node:module'
import { describe, expect, it } from '@jest/globals'
import type { RecordHeaders } from '@troupe/core'
import fc from 'fast-check'
import { encodeProduce, type PartitionRecords, type WireRecord } from './produce-request.ts'

const kafkajs = createRequire(import.meta.url)
const theirRequest = kafkajs('kafkajs/src/protocol/requests/produce/v7/request.js') as (options: object) => {
  encode(): Promise<{ readonly buffer: Buffer }>
}

const timestampMs = 1_700_000_000_000

/** What kafkajs makes of the same records. */
async function theirBytes(partitions: readonly PartitionRecords[]): Promise<Buffer> {
  const topicData = [
    {
      topic: 'order.events',
      partitions: partitions.map(({ partition, records }) => ({
        partition,
        firstSequence: 0,
        messages: records.map((record) => ({ ...record, timestamp: timestampMs })),
      })),
    },
  ]
  return (await theirRequest({ acks: -1, timeout: 30_000, topicData }).encode()).buffer
}

const ourBytes = (partitions: readonly PartitionRecords[]): Buffer =>
  encodeProduce({ acks: -1, topic: 'order.events', partitions, timestampMs })

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
const headerValue = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), bytes(200))
const headers: fc.Arbitrary<RecordHeaders> = fc.dictionary(
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.oneof(headerValue, fc.array(headerValue, { maxLength: 3 })),
  { maxKeys: 9 },
)
const record: fc.Arbitrary<WireRecord> = fc.record({
  key: fc.option(bytes(40)),
  value: fc.option(fc.oneof(bytes(100), bytes(9_000))),
  headers,
})
const partitions = fc.array(
  fc.record({ partition: fc.nat(100), records: fc.array(record, { minLength: 1, maxLength: 30 }) }),
  { maxLength: 3 },
)

describe('the body of a Produce request', () => {
  it('is byte for byte what kafkajs encodes', async () => {
    await fc.assert(
      fc.asyncProperty(partitions, async (some) => {
        expect(ourBytes(some).equals(await theirBytes(some))).toBe(true)
      }),
    )
  })

  it.each([1, 63, 64, 65, 5_000])('is the same with %d records', async (count) => {
    const records = Array.from({ length: count }, (_, at) => ({
      key: Buffer.from(`order-${at}`),
      value: Buffer.alloc(150, at),
      headers: { ce_id: `id-${at}`, ce_type: 'x'.repeat(at % 70) },
    }))
    const some = [{ partition: 0, records }]
    expect(ourBytes(some).equals(await theirBytes(some))).toBe(true)
  })

  it.each([0, 30, 8_100, 8_180, 8_191, 1_048_500, 3_000_000])(
    'is the same with a value of %d bytes, whatever its length takes',
    async (size) => {
      const records = [{ key: null, value: Buffer.alloc(size, 7), headers: { big: 'ä'.repeat(size / 2) } }]
      const some = [{ partition: 3, records }]
      expect(ourBytes(some).equals(await theirBytes(some))).toBe(true)
    },
  )

  it('is these bytes', () => {
    const records = [
      { key: Buffer.from('k'), value: Buffer.from('v'), headers: { h: 'x', absent: undefined } },
      { key: null, value: null, headers: {} },
    ]
    expect(
      encodeProduce({
        acks: -1,
        topic: 't',
        partitions: [{ partition: 1, records }],
        timestampMs: 5,
      }).toString('hex'),
    ).toBe(golden)
  })
})

const golden =
  'ffffffff000075300000000100017400000001000000010000005100000000000000000000004500000000026cb711f200000000000100000000000000050000000000000005ffffffffffffffff0000000000000000000218000000026b027602026802780c000002010100'
