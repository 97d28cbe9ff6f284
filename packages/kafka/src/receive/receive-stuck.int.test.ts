import { describe, expect } from '@jest/globals'
import type { FaultyCall } from '@troupe/embedded'
import { itOnEmbedded, MemoryLedger, numbered, until, withBroker } from '../kafka.test.kit.ts'

const topics = ['order.events']
const watchful = { watchIntervalMs: 50, stalledAfterMs: 400 }

/** An answer to a fetch that holds nothing for any partition, and this error. */
function emptyFetch({ request }: FaultyCall, errorCode: number): unknown {
  const { topics: asked } = request as {
    topics: readonly { name: string; partitions: readonly { partition: number }[] }[]
  }
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    sessionId: 0,
    topics: asked.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode,
        highWatermark: 0,
        lastStableOffset: 0,
        logStartOffset: 0,
        abortedTransactions: [],
        preferredReadReplica: -1,
        records: Buffer.alloc(0),
      })),
    })),
  }
}

describe('a consumer that gets stuck', () => {
  itOnEmbedded('because its fetch is never answered is given up, and another one made', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const ledger = new MemoryLedger()
      const receiver = bench.receiver({
        topics,
        assign: (one) => Promise.resolve(ledger.work(one)),
        tuning: watchful,
      })
      await receiver.start()
      await bench.publish('order.events', numbered('a', 3))
      await until('the first three', () => ledger.records.length === 3)
      const failures: unknown[] = []
      receiver.onFailure(({ error }) => failures.push(error))
      let isSilent = false
      // With so little patience, a process that does not get a processor may have been given up before.
      const before = receiver.state.restarts.stalled
      bench.broker.onRequest(({ api }) => {
        if (api !== 'Fetch' || receiver.state.restarts.stalled > before) return undefined
        isSilent = true
        return { kind: 'silence' }
      })
      await until('a fetch that gets no answer', () => isSilent)
      await bench.publish('order.events', numbered('b', 3))
      await until('the failure', () => failures.length > 0)
      await until('three more', () => ledger.records.length === 6)
      expect(ledger.values).toEqual([...numbered('a', 3), ...numbered('b', 3)])
      expect(receiver.state.restarts.crashed).toBe(0)
      expect(receiver.state.restarts.stalled).toBeGreaterThan(before)
      expect(failures[0]).toMatchObject({ code: 'TROUPE_CONSUMER_STALLED' })
      const warning = bench.log.lines.find(({ message }) => message === 'lost Kafka; trying again')
      expect(warning?.level).toBe('warn')
      // Both are so, and which is noticed first depends on when it was last looked.
      expect(warning?.facts['problem']).toMatch(
        /^The consumer .* (?:no fetch was answered|nothing of order\.events\/0 was fetched) for \d+ ms/,
      )
    }),
  )

  itOnEmbedded('because it passes over a partition is given up although other fetches are answered', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const ledger = new MemoryLedger()
      const receiver = bench.receiver({
        topics,
        assign: (one) => Promise.resolve(ledger.work(one)),
        tuning: watchful,
      })
      await receiver.start()
      // With so little patience, a process that does not get a processor may have been given up before.
      const isNamed = () =>
        bench.log.lines.some(
          ({ message, facts }) =>
            message === 'lost Kafka; trying again' &&
            String(facts['problem']).includes('nothing of order.events/0 was fetched for'),
        )
      let isSeen = false
      bench.broker.onRequest((call) =>
        call.api === 'Fetch' && !(isSeen && isNamed())
          ? { kind: 'answer', response: emptyFetch(call, 0) }
          : undefined,
      )
      await bench.publish('order.events', numbered('a', 4))
      await until('the lag to be seen', () => receiver.lag().some(({ lag }) => lag === 4n))
      isSeen = true
      await until('all four', () => ledger.records.length === 4)
      expect(receiver.state.restarts.crashed).toBe(0)
      expect(receiver.state.restarts.stalled).toBeGreaterThan(0)
      expect(isNamed()).toBe(true)
    }),
  )

  itOnEmbedded('is replaced also after an error that kafkajs does not try again', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const ledger = new MemoryLedger()
      const receiver = bench.receiver({ topics, assign: (one) => Promise.resolve(ledger.work(one)) })
      await receiver.start()
      // Unknown to everybody: kafkajs calls it fatal.
      bench.broker.onRequest((call) =>
        call.api === 'Fetch' && receiver.state.restarts.crashed === 0
          ? { kind: 'answer', response: emptyFetch(call, -1) }
          : undefined,
      )
      await until('a restart', () => receiver.state.restarts.crashed === 1)
      await bench.publish('order.events', numbered('a', 2))
      await until('both', () => ledger.records.length === 2)
      expect(receiver.state).toMatchObject({ phase: 'receiving', restarts: { crashed: 1, stalled: 0 } })
    }),
  )
})

describe('a stop', () => {
  itOnEmbedded('takes no more than its grace time although a take heeds no signal', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      let isTaking = false
      let end = (): void => undefined
      const endless = new Promise<void>((resolve) => {
        end = resolve
      })
      bench.later(() => Promise.resolve(end()))
      const receiver = bench.receiver({
        topics,
        assign: () =>
          Promise.resolve({
            next: undefined,
            take: () => {
              isTaking = true
              return endless
            },
            release: () => Promise.resolve(),
          }),
      })
      await receiver.start()
      await bench.publish('order.events', ['endless'])
      await until('the take', () => isTaking)
      const graceMs = 6_000
      const began = performance.now()
      await receiver.stop({ graceMs })
      // One step that began its own grace time would double it.
      expect(performance.now() - began).toBeLessThan(1.9 * graceMs)
    }),
  )
})
