import { describe, expect, it } from '@jest/globals'
import { isTroupeError } from '@troupe/core'
import { connectKafka } from './client.ts'
import { recordingLog, withBroker } from './kafka.test.kit.ts'
import { closedPort } from './tcp-proxy.test.kit.ts'
import { ensureTopics } from './topics.ts'

describe('ensuring topics', () => {
  it('creates what is missing and leaves what is there', () =>
    withBroker(async ({ broker, connection, log }) => {
      broker.createTopic('order.events', 2)
      await ensureTopics(connection, [
        { topic: 'order.events', partitions: 6 },
        { topic: 'order.dlq', partitions: 1, config: { 'retention.ms': '-1' } },
        { topic: 'payment.events', partitions: 3, replicationFactor: 1 },
      ])
      expect(broker.topics().map(({ name, partitions }) => [name, partitions.length])).toEqual([
        ['order.events', 2],
        ['order.dlq', 1],
        ['payment.events', 3],
      ])
      expect(log.lines.filter(({ level }) => level === 'warn').map(({ facts }) => facts)).toEqual([
        { topic: 'order.events', wanted: 6, found: 2 },
      ])
    }))

  it('lets several services ensure one topic at the same time', () =>
    withBroker(async ({ broker, connection }) => {
      const specs = ['a', 'b', 'c'].map((topic) => ({ topic, partitions: 2 }))
      await Promise.all([1, 2, 3, 4].map(() => ensureTopics(connection, specs)))
      expect(
        broker
          .topics()
          .map(({ name }) => name)
          .toSorted(),
      ).toEqual(['a', 'b', 'c'])
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
      { clientId: 'test', brokers: [`127.0.0.1:${await closedPort()}`] },
      recordingLog(),
    )
    const error: unknown = await ensureTopics(connection, [{ topic: 'a', partitions: 1 }], {
      timeoutMs: 300,
    }).catch((reason: unknown) => reason)
    expect(isTroupeError(error, 'TROUPE_KAFKA_UNREACHABLE')).toBe(true)
  })
})
