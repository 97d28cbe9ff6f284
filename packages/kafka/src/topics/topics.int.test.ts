import { describe, expect, it } from '@jest/globals'
import { isTroupeError } from '@troupe/core'
import { checkTopics } from './check-topics.ts'
import { connectKafka } from '../client/client.ts'
import { recordingLog, withBroker } from '../kafka.test.kit.ts'
import { closedPort } from '../tcp-proxy.test.kit.ts'
import { onWire } from '../client/namespace.ts'
import { recordBytesMaxOf } from './record-bytes-max.ts'
import { ensureTopics } from './topics.ts'

describe('ensuring topics', () => {
  it('creates what is missing and leaves what is there', () =>
    withBroker(async (bench) => {
      const { connection, log } = bench
      await bench.createTopic('order.events', 2)
      await ensureTopics(connection, [
        { topic: 'order.events', partitions: 6 },
        { topic: 'order.dlq', partitions: 1, config: { 'retention.ms': '-1' } },
        { topic: 'payment.events', partitions: 3, replicationFactor: 1 },
      ])
      expect(await bench.topics()).toEqual([
        ['order.dlq', 1],
        ['order.events', 2],
        ['payment.events', 3],
      ])
      expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([])
    }))

  it('brings a topic that another service created to what its owner declares, while it is empty', () =>
    withBroker(async (bench) => {
      const { connection, log } = bench
      const declared = { partitions: 6, replicationFactor: 1, config: { 'retention.ms': '60000' } }
      await ensureTopics(connection, [
        { topic: 'order.events', partitions: 2, config: { 'segment.bytes': '1048576' } },
      ])
      await Promise.all(
        [1, 2, 3].map(() => ensureTopics(connection, [{ topic: 'order.events', partitions: 6, declared }])),
      )
      expect(await bench.topics()).toEqual([['order.events', 6]])
      const kept = { ...declared.config, 'segment.bytes': '1048576' }
      await checkTopics(connection, [{ topic: 'order.events', ...declared, config: kept }])
      expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([])
    }))

  it('adds no partitions where events are already, and says what is different', () =>
    withBroker(async (bench) => {
      const { connection, log } = bench
      await bench.createTopic('order.events', 2)
      await bench.publish('order.events', ['a'])
      const declared = { partitions: 6, replicationFactor: 3, config: { 'retention.ms': '60000' } }
      await ensureTopics(connection, [{ topic: 'order.events', partitions: 6, declared }])
      expect(await bench.topics()).toEqual([['order.events', 2]])
      const topic = onWire(connection, 'order.events')
      expect(log.lines.filter(({ level }) => level === 'warn').map(({ facts }) => facts)).toEqual([
        { topic, setting: 'partitions', wanted: '6', found: '2' },
        { topic, setting: 'replication', wanted: '3', found: '1' },
        { topic, setting: 'retention.ms', wanted: '60000', found: '604800000' },
      ])
    }))

  it('tells how large a record may be: as the topic says, or its broker', () =>
    withBroker(async (bench) => {
      const { connection } = bench
      await bench.createTopic('small.events', 1, { 'max.message.bytes': '5000' })
      await bench.createTopic('order.events')
      expect(await recordBytesMaxOf(connection, 'small.events')).toBe(5_000)
      // Kafka's default: a mebibyte, and the 12 bytes in front of a batch.
      expect(await recordBytesMaxOf(connection, 'order.events')).toBe(1_048_588)
    }))

  it('lets several services ensure one topic at the same time', () =>
    withBroker(async (bench) => {
      const specs = ['a', 'b', 'c'].map((topic) => ({ topic, partitions: 2 }))
      await Promise.all([1, 2, 3, 4].map(() => ensureTopics(bench.connection, specs)))
      expect(await bench.topics()).toEqual([
        ['a', 2],
        ['b', 2],
        ['c', 2],
      ])
    }))

  it('names the topic that Kafka refuses to create', () =>
    withBroker(async ({ connection }) => {
      const error: unknown = await ensureTopics(connection, [{ topic: 'no topic!', partitions: 1 }]).catch(
        (reason: unknown) => reason,
      )
      expect(isTroupeError(error, 'TROUPE_TOPIC_MISSING')).toBe(true)
      expect(String(error)).toContain('no topic!')
    }))

  it('gives up when no broker answers in time', async () => {
    const connection = connectKafka(
      { clientId: 'test', brokers: [`127.0.0.1:${closedPort}`] },
      recordingLog(),
    )
    const error: unknown = await ensureTopics(connection, [{ topic: 'a', partitions: 1 }], {
      timeoutMs: 300,
    }).catch((reason: unknown) => reason)
    expect(isTroupeError(error, 'TROUPE_KAFKA_UNREACHABLE')).toBe(true)
  })

  it('says so where Kafka answers and sends its clients to an address that cannot be reached', () =>
    withBroker(async (bench) => {
      const { address } = await bench.proxy(closedPort)
      await expect(
        ensureTopics(bench.connect(address), [{ topic: 'a', partitions: 1 }], { timeoutMs: 4_000 }),
      ).rejects.toMatchObject({
        code: 'TROUPE_KAFKA_UNREACHABLE',
        message: expect.stringMatching(new RegExp(`sends its clients to \\S+:${closedPort}, which`)),
      })
    }))
})

describe('checking topics', () => {
  it('takes what is as declared, and creates nothing', () =>
    withBroker(async (bench) => {
      const { connection } = bench
      await bench.createTopic('order.events', 2)
      await checkTopics(connection, [{ topic: 'order.events', partitions: 2, replicationFactor: 1 }])
      await checkTopics(connection, [{ topic: 'order.events' }])
      expect(await bench.topics()).toHaveLength(1)
    }))

  it('names every difference and every missing topic at once, and creates nothing', () =>
    withBroker(async (bench) => {
      const { connection } = bench
      await bench.createTopic('order.events', 2)
      const rule = {
        topic: 'order.events',
        partitions: 6,
        replicationFactor: 3,
        config: { 'retention.ms': '-1' },
      }
      const wire = onWire(connection, 'order.events')
      await expect(checkTopics(connection, [rule])).rejects.toMatchObject({
        code: 'TROUPE_TOPIC_MISMATCH',
        message: expect.stringContaining(
          `${wire} has partitions 2, not 6; ${wire} has replication 1, not 3; ${wire} has retention.ms 604800000, not -1`,
        ),
      })
      await expect(checkTopics(connection, [rule, { topic: 'order.dlq' }])).rejects.toMatchObject({
        code: 'TROUPE_TOPIC_MISSING',
        message: expect.stringMatching(/order\.dlq does not exist; \S*order\.events has partitions 2, not 6/),
      })
      expect(await bench.topics()).toHaveLength(1)
    }))
})
