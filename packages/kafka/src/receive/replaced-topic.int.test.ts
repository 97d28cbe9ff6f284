import { describe, expect, it } from '@jest/globals'
import { type Bench, MemoryLedger, numbered, until, withBroker } from '../kafka.test.kit.ts'
import type { DataLossPolicy } from './partition-work.ts'

const topics = ['order.events']

function receiverOf(bench: Bench, ledger: MemoryLedger, onDataLoss: DataLossPolicy = 'halt') {
  return bench.receiver({
    topics,
    onDataLoss,
    assign: (one, topic) => Promise.resolve(ledger.work(one, undefined, topic)),
  })
}

/** Three records are read, then the topic is made anew and gets ten others. */
async function readAndReplaced(bench: Bench): Promise<MemoryLedger> {
  await bench.createTopic('order.events')
  await bench.publish('order.events', numbered('old', 3))
  const ledger = new MemoryLedger()
  const before = receiverOf(bench, ledger)
  await before.start()
  await until('the old records', () => ledger.records.length === 3)
  await before.stop()
  await bench.replaceTopic('order.events')
  await bench.publish('order.events', numbered('new', 10))
  return ledger
}

describe('a topic that was deleted and made again, and has grown past the position', () => {
  it('failure 28: stops its partition, which names both', () =>
    withBroker(async (bench) => {
      const ledger = await readAndReplaced(bench)
      const { topicId } = ledger.positions.get('order.events/0') ?? {}
      const receiver = receiverOf(bench, ledger)
      await receiver.start()
      expect(receiver.state.partitions[0]?.phase).toBe('halted')
      expect(receiver.state.partitions[0]?.failure?.message).toContain(
        `3 was due of the topic with id ${topicId}, and the one that has its name now has id`,
      )
      expect(ledger.values).toEqual(numbered('old', 3))
    }))

  it('failure 28: is read from its first record where data loss is skipped', () =>
    withBroker(async (bench) => {
      const ledger = await readAndReplaced(bench)
      const receiver = receiverOf(bench, ledger, 'skip')
      await receiver.start()
      await until('the new records', () => ledger.records.length === 13)
      expect(ledger.values).toEqual([...numbered('old', 3), ...numbered('new', 10)])
      expect(bench.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
    }))

  it('failure 28: is noticed by whoever reads meanwhile', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const ledger = new MemoryLedger()
      const receiver = receiverOf(bench, ledger)
      await receiver.start()
      await bench.publish('order.events', numbered('old', 3))
      await until('the old records', () => ledger.records.length === 3)
      await bench.replaceTopic('order.events')
      await bench.publish('order.events', numbered('new', 10))
      await until('the halt', () => receiver.state.partitions[0]?.phase === 'halted')
      expect(receiver.state.partitions[0]?.failure?.message).toContain('was deleted and made again')
      expect(ledger.values).toEqual(numbered('old', 3))
    }))
})
