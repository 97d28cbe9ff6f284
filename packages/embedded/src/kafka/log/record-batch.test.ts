import { describe, expect, it } from '@jest/globals'
import { ErrorCode } from '../protocol/error-code.ts'
import { buildBatch, sealBatch } from './batch.test.kit.ts'
import {
  checkProducedBatch,
  isIntact,
  placeBatch,
  readBatchHeader,
  stampLogAppendTime,
} from './record-batch.ts'

const MAX = 1_048_588

function changed(change: (batch: Buffer) => void): Buffer {
  const batch = buildBatch({ values: ['a', 'b', 'c'] })
  change(batch)
  return sealBatch(batch)
}

describe('checkProducedBatch', () => {
  it('takes a batch as producers send it', () => {
    const batch = buildBatch({ values: ['a', 'b'], producerId: 7, producerEpoch: 1, baseSequence: 3 })
    expect(checkProducedBatch(batch, MAX)).toMatchObject({
      header: { recordCount: 2, producerId: 7, producerEpoch: 1, baseSequence: 3, sizeBytes: batch.length },
    })
  })

  it('takes compressed records without looking into them', () => {
    expect(checkProducedBatch(buildBatch({ codec: 'gzip' }), MAX)).toHaveProperty('header')
    expect(checkProducedBatch(buildBatch({ codec: 'snappy' }), MAX)).toHaveProperty('header')
  })

  it('takes a batch of exactly the largest size and refuses one byte more', () => {
    const batch = buildBatch()
    expect(checkProducedBatch(batch, batch.length)).toHaveProperty('header')
    expect(checkProducedBatch(batch, batch.length - 1)).toMatchObject({
      errorCode: ErrorCode.MESSAGE_TOO_LARGE,
    })
  })

  const flipped = buildBatch()
  flipped.writeUInt8(flipped.readUInt8(70) ^ 1, 70)
  it.each([
    ['nothing', null, ErrorCode.INVALID_RECORD],
    ['an empty record set', Buffer.alloc(0), ErrorCode.INVALID_RECORD],
    ['a header without its end', buildBatch().subarray(0, 60), ErrorCode.CORRUPT_MESSAGE],
    ['less than was announced', buildBatch().subarray(0, 66), ErrorCode.CORRUPT_MESSAGE],
    ['a negative length', changed((batch) => batch.writeInt32BE(-5, 8)), ErrorCode.CORRUPT_MESSAGE],
    ['two batches', Buffer.concat([buildBatch(), buildBatch()]), ErrorCode.INVALID_RECORD],
    ['a flipped bit', flipped, ErrorCode.CORRUPT_MESSAGE],
    ['magic 1', changed((batch) => batch.writeInt8(1, 16)), ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT],
    ['a control batch', buildBatch({ attributes: 0x20 }), ErrorCode.INVALID_RECORD],
    ['a transactional batch', buildBatch({ attributes: 0x10 }), ErrorCode.INVALID_TXN_STATE],
    ['no record', changed((batch) => batch.writeInt32BE(0, 57)), ErrorCode.INVALID_RECORD],
    ['a wrong last offset', changed((batch) => batch.writeInt32BE(7, 23)), ErrorCode.INVALID_RECORD],
    [
      'more records than bytes',
      changed((batch) => {
        batch.writeInt32BE(4, 57)
        batch.writeInt32BE(3, 23)
      }),
      ErrorCode.INVALID_RECORD,
    ],
    [
      'fewer records than bytes',
      changed((batch) => {
        batch.writeInt32BE(2, 57)
        batch.writeInt32BE(1, 23)
      }),
      ErrorCode.INVALID_RECORD,
    ],
  ])('refuses %s', (_what, bytes, errorCode) => {
    expect(checkProducedBatch(bytes, MAX)).toMatchObject({ errorCode })
  })
})

describe('a batch in the log', () => {
  it('keeps its checksum when it is placed', () => {
    const batch = buildBatch()
    placeBatch(batch, 5_000_000_000, 0)
    const header = readBatchHeader(batch)
    expect(header.baseOffset).toBe(5_000_000_000)
    expect(batch.readInt32BE(12)).toBe(0)
    expect(isIntact(batch, header)).toBe(true)
  })

  it('gets a new checksum when it is stamped with the time of its append', () => {
    const batch = buildBatch({ baseTimestamp: 1 })
    stampLogAppendTime(batch, 99)
    const header = readBatchHeader(batch)
    expect(header).toMatchObject({ maxTimestamp: 99, attributes: 0x08 })
    expect(isIntact(batch, header)).toBe(true)
  })
})
