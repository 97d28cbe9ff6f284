import { describe, expect, it } from '@jest/globals'
import { connectKafka } from '../client/client.ts'
import { itOnEmbedded, recordingLog, withBroker } from '../kafka.test.kit.ts'
import { createLogEnds } from './log-ends.ts'
import { closedPort } from '../tcp-proxy.test.kit.ts'

/** Source: Kafka protocol, NOT_LEADER_OR_FOLLOWER. */
const notLeader = 6

describe('log ends', () => {
  it('tell the next offset of every partition, and leave out topics that do not exist', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 2)
      await bench.publish('order.events', ['a', 'b'], 1)
      const ends = createLogEnds(bench.connection)
      bench.later(() => ends.close())
      expect(Object.fromEntries(await ends.read(['order.events', 'nobody.events']))).toEqual({
        'order.events/0': 0n,
        'order.events/1': 2n,
      })
    }))

  itOnEmbedded('are asked for again when a partition has another leader by now', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      await bench.publish('order.events', ['a', 'b'])
      let refused = 0
      bench.broker.onRequest(({ api }) => {
        if (api !== 'ListOffsets' || refused > 0) return undefined
        refused += 1
        const partition = { index: 0, errorCode: notLeader, timestamp: -1, offset: -1, leaderEpoch: -1 }
        const topics = [{ name: 'order.events', partitions: [partition] }]
        return { kind: 'answer', response: { throttleTimeMs: 0, topics } }
      })
      const ends = createLogEnds(bench.connection)
      bench.later(() => ends.close())
      expect(Object.fromEntries(await ends.read(['order.events']))).toEqual({ 'order.events/0': 2n })
      expect(refused).toBe(1)
    }),
  )

  it('try to connect again with the next reading', async () => {
    const connection = connectKafka(
      { clientId: 'test', brokers: [`127.0.0.1:${closedPort}`] },
      recordingLog(),
    )
    const ends = createLogEnds(connection)
    await expect(ends.read(['order.events'])).rejects.toThrow('ECONNREFUSED')
    await expect(ends.read(['order.events'])).rejects.toThrow('ECONNREFUSED')
    await ends.close()
  })
})
