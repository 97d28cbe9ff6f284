import { describe, expect, it } from '@jest/globals'
import { connectKafka } from './client.ts'
import { recordingLog, withBroker } from './kafka.test.kit.ts'
import { createLogEnds } from './log-ends.ts'
import { closedPort } from './tcp-proxy.test.kit.ts'

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

  it('try to connect again with the next reading', async () => {
    const connection = connectKafka(
      { clientId: 'test', brokers: [`127.0.0.1:${await closedPort()}`] },
      recordingLog(),
    )
    const ends = createLogEnds(connection)
    await expect(ends.read(['order.events'])).rejects.toThrow('ECONNREFUSED')
    await expect(ends.read(['order.events'])).rejects.toThrow('ECONNREFUSED')
    await ends.close()
  })
})
