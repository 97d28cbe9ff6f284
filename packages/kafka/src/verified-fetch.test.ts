import { createRequire } from 'node:module'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { damageIn, decodeVerified, examine } from './verified-fetch.ts'

interface Encoded {
  readonly buffer: Buffer
}
const kafkajs = createRequire(import.meta.url)
const { RecordBatch } = kafkajs('kafkajs/src/protocol/recordBatch/v0/index.js') as {
  RecordBatch(options: object): Promise<Encoded>
}
const Record = kafkajs('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (options: object) => object
const Encoder = kafkajs('kafkajs/src/protocol/encoder.js') as new () => EncoderLike
const original = kafkajs('kafkajs/src/protocol/requests/fetch/v11/response.js') as {
  decode(raw: Buffer): Promise<object>
}

interface EncoderLike extends Encoded {
  writeInt8(value: number): this
  writeInt16(value: number): this
  writeInt32(value: number): this
  writeInt64(value: string): this
  writeString(value: string): this
  writeBuffer(value: Buffer): this
}

async function batchOf(firstOffset: number, values: readonly string[]): Promise<Buffer> {
  const records = values.map((value, offsetDelta) =>
    Record({ offsetDelta, timestampDelta: 0, key: 'order-1', value, headers: { ce_id: value } }),
  )
  const { buffer } = await RecordBatch({
    firstTimestamp: 1,
    maxTimestamp: 1,
    lastOffsetDelta: values.length - 1,
    records,
  })
  const batch = Buffer.from(buffer)
  batch.writeBigInt64BE(BigInt(firstOffset), 0)
  return batch
}

/** The answer to a fetch of two partitions, each with these records. */
function answerOf(sets: readonly Buffer[]): Buffer {
  const encoder = new Encoder()
    .writeInt32(5)
    .writeInt16(0)
    .writeInt32(0)
    .writeInt32(1)
    .writeString('order.events')
  encoder.writeInt32(sets.length)
  for (const [partition, set] of sets.entries()) {
    encoder.writeInt32(partition).writeInt16(0).writeInt64('6').writeInt64('6').writeInt64('0')
    encoder.writeInt32(1).writeInt64('7').writeInt64('3').writeInt32(-1)
    encoder.writeInt32(set.length).writeBuffer(set)
  }
  return Buffer.from(encoder.buffer)
}

describe('the answer to a fetch', () => {
  it('is decoded as kafkajs does it', async () => {
    const set = Buffer.concat([await batchOf(0, ['a', 'b']), await batchOf(2, ['c'])])
    const cut = Buffer.concat([set, set.subarray(0, 70)])
    const answer = answerOf([set, Buffer.alloc(0), cut])
    expect(await decodeVerified(Buffer.from(answer))).toEqual(await original.decode(Buffer.from(answer)))
  })

  it('ends where a batch is damaged, and says so', async () => {
    const sound = await batchOf(0, ['a', 'b'])
    const damaged = await batchOf(2, ['c'])
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 1) ^ 1, damaged.length - 1)
    const decoded = await decodeVerified(answerOf([Buffer.concat([sound, damaged, sound]), sound]))
    const [first, second] = decoded.responses[0]?.partitions ?? []
    expect(first?.messages.map(({ offset }) => offset)).toEqual(['0', '1', String(2n ** 63n - 1n)])
    expect(damageIn(first?.messages ?? [])).toBe('the checksum of a batch does not fit its bytes')
    expect(second?.messages).toHaveLength(2)
    expect(damageIn(second?.messages ?? [])).toBeUndefined()
  })

  it('failure 37: holds no record of a batch of which any one bit is flipped', async () => {
    const batch = await batchOf(0, ['first', 'second', 'third'])
    // Where the batch ends, and its base offset, have no checksum: see the next test.
    const bits = fc.integer({ min: 12 * 8, max: batch.length * 8 - 1 })
    // Source: Kafka protocol, record batch: the leader's epoch is the leader's to write, and nobody's to read.
    const isEpoch = (bit: number) => bit >= 12 * 8 && bit < 16 * 8
    fc.assert(
      fc.property(
        bits.filter((bit) => !isEpoch(bit)),
        (bit) => {
          const damaged = Buffer.from(batch)
          damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
          expect(examine(damaged, 3n).soundBytes).toBe(0)
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('is not followed beyond the end of the log, nor past its own', async () => {
    const batch = await batchOf(0, ['first', 'second', 'third'])
    expect(examine(batch, 3n)).toEqual({ soundBytes: batch.length })
    expect(examine(batch, 2n).damage).toContain('beyond the end of the log')
    const short = Buffer.from(batch)
    short.writeInt32BE(-20, 8)
    expect(examine(short, 3n)).toMatchObject({ soundBytes: 0, damage: expect.stringContaining('shorter') })
    const long = Buffer.from(batch)
    long.writeInt32BE(2 ** 30, 8)
    expect(examine(long, 3n)).toEqual({ soundBytes: 0 })
  })
})
