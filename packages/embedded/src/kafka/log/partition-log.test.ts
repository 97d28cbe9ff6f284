import { describe, expect, it } from '@jest/globals'
import { ErrorCode } from '../protocol/error-code.ts'
import { type BatchParts, buildBatch } from './batch.test.kit.ts'
import { type AppendResult, PartitionLog } from './partition-log.ts'
import { readBatchHeader } from './record-batch.ts'

function append(log: PartitionLog, parts: BatchParts = {}): AppendResult {
  const batch = buildBatch(parts)
  return log.append(batch, readBatchHeader(batch))
}

/** Base offsets of the batches in what a read returned; throws when the last one is not whole. */
function basesOf(bytes: Buffer): number[] {
  const bases: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const { baseOffset, sizeBytes } = readBatchHeader(bytes, at)
    bases.push(baseOffset)
    at += sizeBytes
    expect(at).toBeLessThanOrEqual(bytes.length)
  }
  return bases
}

const ALL = Number.MAX_SAFE_INTEGER

describe('a partition log', () => {
  it('gives offsets upwards without gaps', () => {
    const log = new PartitionLog()
    expect(append(log, { values: ['a', 'b', 'c'] })).toEqual({ errorCode: 0, baseOffset: 0 })
    expect(append(log)).toEqual({ errorCode: 0, baseOffset: 3 })
    expect(log.endOffset).toBe(4)
    expect(basesOf(log.read(0, ALL, true))).toEqual([0, 3])
  })

  it('reads from the batch that holds the offset, and nothing at its end', () => {
    const log = new PartitionLog()
    append(log, { values: ['a', 'b', 'c'] })
    append(log, { values: ['d', 'e'] })
    expect(basesOf(log.read(2, ALL, true))).toEqual([0, 3])
    expect(basesOf(log.read(4, ALL, true))).toEqual([3])
    expect(log.read(5, ALL, true)).toHaveLength(0)
  })

  it('returns whole batches only, and the first one however large if asked to', () => {
    const log = new PartitionLog()
    for (let batch = 0; batch < 3; batch += 1) append(log, { values: ['x'.repeat(100)] })
    const size = buildBatch({ values: ['x'.repeat(100)] }).length
    expect(basesOf(log.read(0, size * 2, false))).toEqual([0, 1])
    expect(basesOf(log.read(0, size * 2 - 1, false))).toEqual([0])
    expect(log.read(0, size - 1, false)).toHaveLength(0)
    expect(basesOf(log.read(0, size - 1, true))).toEqual([0])
    expect(basesOf(log.read(2, 1, true))).toEqual([2])
  })

  it('reads every batch once across segments', () => {
    const log = new PartitionLog()
    const values = ['x'.repeat(1000)]
    for (let batch = 0; batch < 500; batch += 1) append(log, { values })
    const bases: number[] = []
    while (bases.length < 500) bases.push(...basesOf(log.read(bases.length, 10_000, true)))
    expect(bases).toEqual(Array.from({ length: 500 }, (_, at) => at))
    const walked = [...log.batchesFrom(123)].map((batch) => readBatchHeader(batch).baseOffset)
    expect(walked).toEqual(bases.slice(123))
  })

  it('moves its start up and never down, and gives segments below it back', () => {
    const log = new PartitionLog()
    for (let batch = 0; batch < 500; batch += 1) append(log, { values: ['x'.repeat(1000)] })
    const before = log.sizeBytes
    log.deleteBefore(499)
    expect(log.startOffset).toBe(499)
    expect(log.sizeBytes).toBeLessThan(before / 2)
    expect(basesOf(log.read(499, ALL, true))).toEqual([499])
    log.deleteBefore(10)
    expect(log.startOffset).toBe(499)
    expect(append(log)).toMatchObject({ baseOffset: 500 })
  })

  it('tells listeners of appends and of its end, until they let go', () => {
    const log = new PartitionLog()
    let calls = 0
    const stop = log.onChange(() => (calls += 1))
    append(log)
    log.remove()
    expect({ calls, isRemoved: log.isRemoved }).toEqual({ calls: 2, isRemoved: true })
    stop()
    append(new PartitionLog())
    expect(calls).toBe(2)
  })
})

describe('an idempotent producer', () => {
  const from = (baseSequence: number, values: string[] = ['a'], producerEpoch = 0): BatchParts => ({
    producerId: 9,
    producerEpoch,
    baseSequence,
    values,
  })

  it('gets the first offset again when it repeats one of its last five batches', () => {
    const log = new PartitionLog()
    for (let sequence = 0; sequence < 6; sequence += 1) append(log, from(sequence))
    for (let sequence = 1; sequence < 6; sequence += 1) {
      expect(append(log, from(sequence))).toEqual({ errorCode: ErrorCode.NONE, baseOffset: sequence })
    }
    expect(log.endOffset).toBe(6)
  })

  it('is refused when it leaves a gap or repeats something long gone', () => {
    const log = new PartitionLog()
    for (let sequence = 0; sequence < 6; sequence += 1) append(log, from(sequence))
    expect(append(log, from(7))).toEqual({ errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER })
    expect(append(log, from(0))).toEqual({ errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER })
    expect(log.endOffset).toBe(6)
  })

  it('may begin anywhere when nothing is known of it, and at zero with a new epoch', () => {
    const log = new PartitionLog()
    expect(append(log, from(41))).toMatchObject({ baseOffset: 0 })
    expect(append(log, from(42, ['a'], 1))).toEqual({ errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER })
    expect(append(log, from(0, ['a'], 1))).toMatchObject({ baseOffset: 1 })
    expect(append(log, from(42))).toEqual({ errorCode: ErrorCode.INVALID_PRODUCER_EPOCH })
  })

  it('counts on from zero after the largest sequence', () => {
    const log = new PartitionLog()
    append(log, from(2 ** 31 - 2, ['a', 'b', 'c']))
    expect(append(log, from(1))).toMatchObject({ baseOffset: 3 })
    expect(append(log, from(2 ** 31 - 2, ['a', 'b', 'c']))).toMatchObject({ baseOffset: 0 })
  })
})
