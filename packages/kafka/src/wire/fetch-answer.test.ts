import { createRequire } from 'node:module'
import { describe, expect, it } from '@jest/globals'
import type { RawRecord, RecordHeaders } from '@troupe/core'
import fc from 'fast-check'
import type { Batch, KafkaMessage } from 'kafkajs'
import { carriedIn, decodeFetch } from './fetch-answer.ts'
import { answerOf, batchOf, type BatchRecord, type PartitionPart, withChecksum } from './fetched.test.kit.ts'
import { encodeProduce } from './produce-request.ts'
import { examine, type RecordSet } from './record-set.ts'

const kafkajs = createRequire(import.meta.url)
const theirs = kafkajs('kafkajs/src/protocol/requests/fetch/v11/response.js') as {
  decode(raw: Buffer): Promise<{ readonly responses: readonly { readonly partitions: readonly object[] }[] }>
}
const TheirBatch = kafkajs('kafkajs/src/consumer/batch.js') as new (
  topic: string,
  fetchedOffset: string,
  partition: object,
) => Batch

const transactional = 0x10
const control = 0x20
const abortMarker: BatchRecord = { key: Buffer.from([0, 0, 0, 0]), value: Buffer.alloc(6) }
const commitMarker: BatchRecord = { key: Buffer.from([0, 0, 0, 1]), value: Buffer.alloc(6) }
const nothing: RecordSet = { records: [], to: undefined, damage: undefined }

async function setsOf(...parts: PartitionPart[]): Promise<readonly RecordSet[]> {
  const { responses } = await decodeFetch(answerOf(parts), (name) => name.replace('acme.', ''))
  return (responses[0]?.partitions ?? []).map(({ messages }) => carriedIn(messages) ?? nothing)
}

async function setOf(set: Buffer, part: Partial<PartitionPart> = {}): Promise<RecordSet> {
  const [only] = await setsOf({ set, ...part })
  return only ?? nothing
}

/** What kafkajs would hand over of the same answer, and how far it would have read. */
async function theirSetOf(part: PartitionPart): Promise<{ records: RawRecord[]; last: string }> {
  const { responses } = await theirs.decode(answerOf([part]))
  const batch = new TheirBatch('order.events', '0', responses[0]?.partitions[0] ?? {})
  const records = batch.messages.map(({ offset, key, value, headers = {}, timestamp }: KafkaMessage) => {
    const timestampMs = Number(timestamp)
    return { topic: 'order.events', partition: 0, offset: BigInt(offset), key, value, headers, timestampMs }
  })
  return { records, last: batch.lastOffset() }
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
const headers: fc.Arbitrary<RecordHeaders> = fc.dictionary(
  // kafkajs takes a name that every object has for one that came before: see below for those.
  fc.string({ unit: 'grapheme', maxLength: 70 }).filter((name) => !(name in {})),
  fc.oneof(bytes(80), fc.array(bytes(9), { minLength: 2, maxLength: 3 })),
  { maxKeys: 8 },
)
const record = fc.record({
  timestampDelta: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  key: fc.option(bytes(20)),
  value: fc.option(fc.oneof(bytes(50), bytes(9_000))),
  headers,
})
const batch = fc.record({
  records: fc.array(record, { minLength: 1, maxLength: 20 }),
  gap: fc.nat(3),
  timestampMs: fc.integer({ min: 0, max: 2 ** 40 }),
  compression: fc.constantFrom(0, 0, 1),
  producerId: fc.constantFrom(7, 8),
  kind: fc.constantFrom('plain', 'plain', 'transactional', 'abort', 'commit', 'append-time'),
})
const flagsOf = {
  plain: 0,
  transactional,
  abort: transactional | control,
  commit: transactional | control,
  'append-time': 0x08,
}

describe('the answer to a fetch', () => {
  it('holds the records that kafkajs finds in it', async () => {
    const aborted = fc.uniqueArray(
      fc.record({ producerId: fc.constantFrom(7, 8), firstOffset: fc.nat(40) }),
      { maxLength: 2, selector: ({ producerId }) => producerId },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(batch, { maxLength: 6 }),
        aborted,
        fc.nat(60),
        async (some, abortedOnes, cut) => {
          let baseOffset = 0
          const batches: Buffer[] = []
          const starts: number[] = []
          for (const { records, gap, kind, ...options } of some) {
            baseOffset += gap
            starts.push(baseOffset)
            const own = kind === 'abort' ? [abortMarker] : kind === 'commit' ? [commitMarker] : records
            batches.push(await batchOf(own, { ...options, baseOffset, flags: flagsOf[kind] }))
            baseOffset += own.length
          }
          const last = await batchOf([{}])
          // kafkajs throws where there is less than one whole header.
          const set = Buffer.concat([...batches, last.subarray(0, some.length > 0 ? cut : 0)])
          // A transaction begins with a batch, and kafkajs follows their order.
          const begun = abortedOnes
            .map(({ producerId, firstOffset }) => ({
              producerId,
              firstOffset: starts.find((start) => start >= firstOffset) ?? 1_000,
            }))
            .toSorted((one, other) => one.firstOffset - other.firstOffset)
          if (begun.length === 2 && begun[0]?.firstOffset === begun[1]?.firstOffset) begun.pop()
          const expected = await theirSetOf({ set, aborted: begun })
          const { records, to } = await setOf(set, { aborted: begun.toReversed() })
          expect(records).toEqual(expected.records)
          if (some.length > 0) expect(to).toBe(BigInt(expected.last) + 1n)
        },
      ),
      { numRuns: 60 },
    )
  })

  it.each([1, 2, 5_000])('gives back %d records that were encoded here', async (count) => {
    const sent = Array.from({ length: count }, (_, at) => ({
      key: Buffer.from(`k${at}`),
      value: at % 7 ? Buffer.from(`v${at}`) : null,
      headers: { ce_id: `id-${at}`, two: ['a', 'b'] },
    }))
    const body = encodeProduce({
      acks: -1,
      topic: 't',
      partitions: [{ partition: 0, records: sent }],
      timestampMs: 5,
    })
    const { records } = await setOf(body.subarray(body.indexOf('t') + 1 + 4 + 4 + 4))
    expect(records.map(({ key, value }) => ({ key, value }))).toEqual(
      sent.map(({ key, value }) => ({ key, value })),
    )
    expect(records.at(-1)).toMatchObject({
      topic: 'order.events',
      offset: BigInt(count - 1),
      timestampMs: 5,
      headers: { ce_id: Buffer.from(`id-${count - 1}`), two: [Buffer.from('a'), Buffer.from('b')] },
    })
  })

  it('goes on behind a batch although compaction has taken its last records, or all of them', async () => {
    const compacted = await batchOf([{ offsetDelta: 1, value: 'b' }], { baseOffset: 10, lastOffsetDelta: 4 })
    const some = await setOf(compacted)
    expect(some.records.map(({ offset }) => offset)).toEqual([11n])
    expect(some.to).toBe(15n)
    expect(await setOf(await batchOf([], { baseOffset: 15, lastOffsetDelta: 2 }))).toEqual({
      ...nothing,
      to: 18n,
    })
  })

  it('takes names that objects have already, and headers without a value', async () => {
    const wire = await batchOf([{ headers: { ['__proto__']: 'x', toString: 'y', later: 'z' } }])
    // Kafka allows null, which kafkajs cannot send: the value of `later` becomes that.
    const at = wire.indexOf('later') + 'later'.length
    const without = Buffer.concat([wire.subarray(0, at), Buffer.from([1])])
    without.writeInt32BE(without.length - 12, 8)
    without.writeUInt8(without.readUInt8(61) - 2, 61)
    const [only] = (await setOf(withChecksum(without))).records
    expect(Object.entries(only?.headers ?? {}).map(([name, value]) => [name, value?.toString()])).toEqual([
      ['__proto__', 'x'],
      ['toString', 'y'],
      ['later', undefined],
    ])
  })

  it('says that a compression is not implemented, as kafkajs does', async () => {
    const snappy = await batchOf([{}])
    snappy.writeInt16BE(2, 21)
    await expect(setOf(withChecksum(snappy))).rejects.toMatchObject({ name: 'KafkaJSNotImplemented' })
  })

  it('ends where a batch is damaged, and says so', async () => {
    const sound = await batchOf([{ value: 'a' }, { value: 'b' }])
    const damaged = await batchOf([{ value: 'c' }], { baseOffset: 2 })
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 1) ^ 1, damaged.length - 1)
    const [first, second] = await setsOf({ set: Buffer.concat([sound, damaged, sound]) }, { set: sound })
    expect(first?.records.map(({ offset }) => offset)).toEqual([0n, 1n])
    expect(first).toMatchObject({ to: 2n, damage: 'the checksum of a batch does not fit its bytes' })
    expect(second?.records).toHaveLength(2)
    expect(second?.damage).toBeUndefined()
  })

  it('failure 37: holds no record of a batch of which any one bit is flipped', async () => {
    const batch = await batchOf([{ value: 'first' }, { value: 'second' }, { value: 'third' }])
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
    const batch = await batchOf([{ value: 'first' }, { value: 'second' }, { value: 'third' }])
    expect(examine(batch, 3n)).toEqual({ soundBytes: batch.length })
    expect(examine(batch, 2n).damage).toContain('beyond the end of the log')
    const short = Buffer.from(batch)
    short.writeInt32BE(-20, 8)
    expect(examine(short, 3n)).toMatchObject({ soundBytes: 0, damage: expect.stringContaining('shorter') })
    const long = Buffer.from(batch)
    long.writeInt32BE(2 ** 30, 8)
    expect(examine(long, 3n)).toEqual({ soundBytes: 0 })
  })

  it('is damage, and nothing worse, where records are none although the checksum fits', async () => {
    const sound = await batchOf([{ value: 'a' }])
    const plain = await batchOf([{ value: 'x', headers: { a: 'b', c: 'd' } }, { value: 'y' }], {
      baseOffset: 1,
    })
    const packed = await batchOf([{ value: 'x'.repeat(500) }], { baseOffset: 1, compression: 1 })
    const change = fc.tuple(fc.boolean(), fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean())
    await fc.assert(
      fc.asyncProperty(change, async ([isPacked, where, mask, isCut]) => {
        const batch = Buffer.from(isPacked ? packed : plain)
        const at = 57 + (where % (batch.length - 57))
        batch.writeUInt8(batch.readUInt8(at) ^ mask, at)
        const changed = isCut ? batch.subarray(0, Math.max(at, 61)) : batch
        changed.writeInt32BE(changed.length - 12, 8)
        const { records, damage, to } = await setOf(Buffer.concat([sound, withChecksum(changed)]))
        expect(records[0]?.value?.toString()).toBe('a')
        if (damage !== undefined) expect([records.length, to]).toEqual([1, 1n])
      }),
      { numRuns: 500 },
    )
  })

  it('is refused, or read, but never followed elsewhere, where any of its bytes are garbage', async () => {
    const answer = answerOf([
      { set: await batchOf([{ value: 'a' }]), aborted: [{ producerId: 1, firstOffset: 0 }] },
    ])
    const change = fc.array(fc.tuple(fc.nat(answer.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(change, fc.nat(answer.length), async (changes, length) => {
        const garbage = Buffer.from(answer.subarray(0, length))
        for (const [at, byte] of changes) if (at < length) garbage.writeUInt8(byte, at)
        const error = await decodeFetch(garbage).then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        if (error !== undefined) expect(error).toMatchObject({ message: 'the answer of a broker is cut off' })
      }),
      { numRuns: 500 },
    )
  })
})
