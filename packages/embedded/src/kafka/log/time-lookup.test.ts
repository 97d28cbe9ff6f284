import { describe, expect, it } from '@jest/globals'
import { type BatchParts, buildBatch } from './batch.test.kit.ts'
import { PartitionLog } from './partition-log.ts'
import { readBatchHeader, stampLogAppendTime } from './record-batch.ts'
import { findOffsetByTime } from './time-lookup.ts'

function logOf(...batches: BatchParts[]): PartitionLog {
  const log = new PartitionLog()
  for (const parts of batches) {
    const batch = buildBatch(parts)
    log.append(batch, readBatchHeader(batch))
  }
  return log
}

describe('findOffsetByTime', () => {
  it('finds the first record at or after the time', () => {
    const log = logOf({ values: ['a', 'b'], timestamps: [1000, 2000] }, { values: ['c'], timestamps: [3000] })
    expect(findOffsetByTime(log, 0)).toEqual({ offset: 0, timestamp: 1000 })
    expect(findOffsetByTime(log, 2000)).toEqual({ offset: 1, timestamp: 2000 })
    expect(findOffsetByTime(log, 2001)).toEqual({ offset: 2, timestamp: 3000 })
    expect(findOffsetByTime(log, 3001)).toBeUndefined()
  })

  it('believes the records, not a header that claims too little', () => {
    const log = logOf({ values: ['a', 'b'], timestamps: [1000, 5000], maxTimestamp: 1000 })
    expect(findOffsetByTime(log, 4000)).toEqual({ offset: 1, timestamp: 5000 })
  })

  it('understands times before the base of their batch', () => {
    const log = logOf({ values: ['a', 'b'], timestamps: [3000, 500], baseTimestamp: 1000 })
    expect(findOffsetByTime(log, 3000)).toEqual({ offset: 0, timestamp: 3000 })
    log.deleteBefore(1)
    expect(findOffsetByTime(log, 400)).toEqual({ offset: 1, timestamp: 500 })
  })

  it('opens gzip', () => {
    const log = logOf({ values: ['a', 'b', 'c'], timestamps: [1000, 2000, 3000], codec: 'gzip' })
    expect(findOffsetByTime(log, 1500)).toEqual({ offset: 1, timestamp: 2000 })
  })

  it('answers with the beginning of a batch that it cannot open', () => {
    const log = logOf({ values: ['a'] }, { values: ['b', 'c'], timestamps: [2000, 3000], codec: 'snappy' })
    expect(findOffsetByTime(log, 3000)).toEqual({ offset: 1, timestamp: 3000 })
    expect(findOffsetByTime(log, 3001)).toBeUndefined()
  })

  it('goes by the time of the append where the topic does', () => {
    const batch = buildBatch({ values: ['a', 'b'], timestamps: [1, 2] })
    stampLogAppendTime(batch, 7000)
    const log = new PartitionLog()
    log.append(batch, readBatchHeader(batch))
    expect(findOffsetByTime(log, 6000)).toEqual({ offset: 0, timestamp: 7000 })
  })

  it('never answers with a deleted record', () => {
    const log = logOf({ values: ['a', 'b', 'c'] })
    log.deleteBefore(2)
    expect(findOffsetByTime(log, 0)).toEqual({ offset: 2, timestamp: 1000 })
  })
})
