import { once } from 'node:events'
import net from 'node:net'
import { describe, expect, it } from '@jest/globals'
import { isTroupeError } from '@troupe/core'
import { MemoryLedger, numbered, until, withBroker } from '../kafka.test.kit.ts'
import { ping } from './ping.ts'

/** A size, and what follows it. */
const garbage = [
  ['an answer of no bytes', [0, 0, 0, 0]],
  ['an answer of two bytes', [0, 0, 0, 2, 1, 1]],
  ['an answer of fewer bytes than none', [255, 255, 255, 255, 0, 0, 0, 0]],
  ['a size far below none', [128, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9]],
] as const

describe('bytes that are no answer of Kafka', () => {
  it.each(garbage)('end the connection, not the process: %s', (_what, bytes) =>
    withBroker(async (bench) => {
      const server = net.createServer((socket) => {
        socket.on('error', () => undefined)
        socket.once('data', () => socket.write(Buffer.from(bytes)))
      })
      bench.later(async () => void server.close())
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const { port } = server.address() as net.AddressInfo
      const error: unknown = await ping(bench.connect(`127.0.0.1:${port}`)).catch((thrown: unknown) => thrown)
      expect(isTroupeError(error, 'TROUPE_KAFKA_UNREACHABLE')).toBe(true)
    }),
  )

  it('make a consumer begin anew, which misses nothing and sees nothing twice', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      let isGarbage = false
      const { address } = await bench.proxy(undefined, (chunk) => {
        if (!isGarbage) return chunk
        isGarbage = false
        return Buffer.concat([Buffer.alloc(4), chunk])
      })
      const ledger = new MemoryLedger()
      const receiver = bench.receiver({
        connection: bench.connect(address),
        topics: ['order.events'],
        assign: (one) => Promise.resolve(ledger.work(one)),
      })
      await receiver.start()
      await bench.publish('order.events', numbered('a', 5))
      await until('the first records', () => ledger.values.length === 5)
      isGarbage = true
      await until('the garbage to be sent', () => !isGarbage)
      await bench.publish('order.events', numbered('b', 5))
      await until('the other records', () => ledger.values.length === 10)
      expect(ledger.values).toEqual([...numbered('a', 5), ...numbered('b', 5)])
    }))
})
