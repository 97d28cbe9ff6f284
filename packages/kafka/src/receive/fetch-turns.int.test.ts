import { describe, expect, it } from '@jest/globals'
import { MemoryLedger, until, withBroker } from '../kafka.test.kit.ts'

const partitions = 6
const batches = 40
const value = '.'.repeat(20_000)

// A broker fills its answer in the order in which it is asked, and kafkajs asks in a random one.
describe('partitions that are all far behind', () => {
  it('are read side by side, though one answer has no room for all of them', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', partitions)
      for (let batch = 0; batch < batches; batch += 1)
        await Promise.all(
          Array.from({ length: partitions }, (_, partition) =>
            bench.publish('order.events', [value], partition),
          ),
        )
      const ledger = new MemoryLedger()
      const receiver = bench.receiver({
        topics: ['order.events'],
        // Two partitions fill an answer.
        tuning: { fetchBytesMax: 80_000, fetchBytesPerPartitionMax: 41_000 },
        assign: (one) => Promise.resolve(ledger.work(one)),
      })
      await receiver.start()
      await until('all of it', () => ledger.records.length === partitions * batches)
      const order = ledger.records.map(({ partition }) => partition)
      const readFirst = Math.min(
        ...Array.from({ length: partitions }, (_, partition) => order.lastIndexOf(partition)),
      )
      expect(new Set(order.slice(0, readFirst)).size).toBe(partitions)
    }))
})
