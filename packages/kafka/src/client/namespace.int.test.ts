import { randomUUID } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import { connectKafka } from './client.ts'
import { MemoryLedger, outgoing, recordingLog, until, withBroker } from '../kafka.test.kit.ts'
import { createLogEnds } from '../receive/log-ends.ts'
import { createReceiver, type Receiver } from '../receive/receive.ts'
import { createRelay } from '../relay/relay.ts'
import { ensureTopics } from '../topics/topics.ts'

describe('a namespace', () => {
  it('keeps two companies apart on one cluster, and neither sees it', () =>
    withBroker(async (bench) => {
      const [red, blue] = ['red', 'blue'].map((name) => `${name}-${randomUUID().slice(0, 8)}`) as [
        string,
        string,
      ]
      const ours = (names: readonly string[]) =>
        names.filter((name) => name.startsWith(red) || name.startsWith(blue)).toSorted()
      const companies = [red, blue].map((namespace) => {
        const log = recordingLog()
        const connection = connectKafka({ clientId: 'test', brokers: [bench.address], namespace }, log)
        return {
          namespace,
          connection,
          ledger: new MemoryLedger(),
          log,
          receiver: undefined as Receiver | undefined,
        }
      })
      for (const company of companies) {
        const { namespace, connection, ledger, log } = company
        await ensureTopics(connection, [{ topic: 'order.events', partitions: 1 }])
        const relay = createRelay({ connection, log })
        bench.later(() => relay.stop())
        await relay.start()
        relay.push([outgoing(`of ${namespace}`)])
        await relay.drained()
        const receiver = (company.receiver = createReceiver({
          connection,
          log,
          groupId: 'payment',
          topics: ['order.events'],
          assign: (partition) => Promise.resolve(ledger.work(partition)),
        }))
        bench.later(() => receiver.stop({ graceMs: 100 }))
        await receiver.start()
        await until(`the event of ${namespace}`, () => ledger.values.length > 0)
        expect(receiver.state.partitions).toEqual([
          expect.objectContaining({ topic: 'order.events', partition: 0, position: 1n }),
        ])
        const ends = createLogEnds(connection)
        bench.later(() => ends.close())
        expect(Object.fromEntries(await ends.read(['order.events']))).toEqual({ 'order.events/0': 1n })
      }
      expect(companies.map(({ ledger }) => ledger.values)).toEqual([[`of ${red}`], [`of ${blue}`]])
      expect(companies.map(({ ledger }) => ledger.records[0]?.topic)).toEqual([
        'order.events',
        'order.events',
      ])

      const client = bench.connection.open()
      bench.later(() => Promise.resolve(client.destroy()))
      const admin = client.kafka.admin()
      bench.later(() => admin.disconnect())
      await admin.connect()
      expect(ours(await admin.listTopics())).toEqual([`${blue}.order.events`, `${red}.order.events`])
      expect(ours((await admin.listGroups()).groups.map(({ groupId }) => groupId))).toEqual([
        `${blue}.payment`,
        `${red}.payment`,
      ])
      for (const { receiver } of companies) await receiver?.stop()
      const [hint] = await admin.fetchOffsets({ groupId: `${red}.payment`, topics: [`${red}.order.events`] })
      expect(hint?.partitions[0]?.offset).toBe('1')
      await admin.deleteGroups([`${red}.payment`, `${blue}.payment`])
      await admin.deleteTopics({ topics: [`${red}.order.events`, `${blue}.order.events`] })
    }))

  it('is told to operators: what is refused is named as Kafka has it', () =>
    withBroker(async (bench) => {
      const connection = connectKafka(
        { clientId: 'test', brokers: [bench.address], namespace: 'red' },
        recordingLog(),
      )
      await expect(ensureTopics(connection, [{ topic: 'not a topic', partitions: 1 }])).rejects.toThrow(
        /Topic red\.not a topic /,
      )
    }))

  it('is refused if it could not be told from a name', () => {
    for (const namespace of ['', 'a.b', 'Red', '7up', 'x'.repeat(33)]) {
      expect(() =>
        connectKafka({ clientId: 'test', brokers: ['127.0.0.1:9092'], namespace }, recordingLog()),
      ).toThrow(`"${namespace}" cannot be a namespace.`)
    }
  })
})
