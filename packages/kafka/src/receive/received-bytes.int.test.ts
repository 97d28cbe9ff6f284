import { describe, expect, it } from '@jest/globals'
import { isTroupeError } from '@troupe/core'
import { MemoryLedger, numbered, until, withBroker } from '../kafka.test.kit.ts'
import { createReceiver } from './receive.ts'

const topics = ['order.events']

/** The chunk with one bit of this text flipped, at every place where it stands. */
function flipped(chunk: Buffer, text: string, bit: number): Buffer {
  for (let at = chunk.indexOf(text); at >= 0; at = chunk.indexOf(text, at + text.length))
    chunk.writeUInt8(chunk.readUInt8(at + (bit >> 3)) ^ (1 << (bit & 7)), at + (bit >> 3))
  return chunk
}

describe('a damaged record', () => {
  it('failure 37: is never handed over, is named, and is read once it is whole again', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 2)
      const ledger = new MemoryLedger()
      let isDamaged = true
      const { address } = await bench.proxy(undefined, (chunk) =>
        isDamaged ? flipped(chunk, 'victim', 9) : chunk,
      )
      const receiver = createReceiver({
        connection: bench.connect(address),
        log: bench.log,
        groupId: 'payment',
        topics,
        assign: (one) => Promise.resolve(ledger.work(one)),
      })
      bench.later(() => receiver.stop({ graceMs: 100 }))
      const errors: unknown[] = []
      receiver.onFailure(({ error }) => errors.push(error))
      await receiver.start()
      for (const value of ['before', 'victim', 'behind']) await bench.publish('order.events', [value], 0)
      await bench.publish('order.events', numbered('other', 3), 1)
      await until('the other partition', () => ledger.valuesOf(1).length === 3)
      await until('a second refusal', () => errors.length > 1)
      expect(ledger.valuesOf(0)).toEqual(['before'])
      expect(errors.every((error) => isTroupeError(error, 'TROUPE_RECORD_CORRUPT'))).toBe(true)
      expect(String(errors[0])).toContain('order.events[0] from 1 on is damaged: the checksum')
      isDamaged = false
      await until('what was behind it', () => ledger.valuesOf(0).length === 3)
      expect(ledger.valuesOf(0)).toEqual(['before', 'victim', 'behind'])
      expect(receiver.state.partitions[0]?.failure).toBeUndefined()
      expect(receiver.state.restarts).toEqual({ crashed: 0, stalled: 0 })
    }))
})

describe('records that were deleted before they were read', () => {
  it('failure 29: are skipped where that is set, and their number is said', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      await bench.publish('order.events', numbered('a', 10))
      const ledger = new MemoryLedger()
      ledger.positions.set('order.events/0', { epoch: 1, next: 2n })
      await bench.deleteBefore('order.events', 0, '6')
      const receiver = bench.receiver({
        topics,
        onDataLoss: 'skip',
        assign: (one) => Promise.resolve(ledger.work(one)),
      })
      const errors: unknown[] = []
      receiver.onFailure(({ error }) => errors.push(error))
      await receiver.start()
      await until('the rest', () => ledger.records.length === 4)
      expect(ledger.values).toEqual(numbered('a', 10).slice(6))
      expect(ledger.batches[0]?.from).toBe(2n)
      expect(receiver.state.partitions[0]).toMatchObject({ phase: 'reading', lost: 4n })
      expect(errors.map(String)).toEqual([
        expect.stringContaining('4 records of order.events[0] were deleted'),
      ])
      expect(bench.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
    }))

  it('failure 28: stop their partition also where skipping is set, if the log was cut or made anew', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      await bench.publish('order.events', numbered('a', 3))
      const ledger = new MemoryLedger()
      ledger.positions.set('order.events/0', { epoch: 1, next: 7n })
      const receiver = bench.receiver({
        topics,
        onDataLoss: 'skip',
        assign: (one) => Promise.resolve(ledger.work(one)),
      })
      await receiver.start()
      expect(receiver.state.partitions[0]?.phase).toBe('halted')
      expect(receiver.state.partitions[0]?.failure?.message).toContain('the log was cut or made anew')
      expect(ledger.records).toEqual([])
    }))
})
