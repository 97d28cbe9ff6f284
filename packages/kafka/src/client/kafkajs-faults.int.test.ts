import { createRequire } from 'node:module'
import { describe, expect, it } from '@jest/globals'
import { MemoryLedger, outgoing, recordingLog, until, withBroker } from '../kafka.test.kit.ts'
import { mendPrototype, mendTimerLoop } from './mend-timer-loop.ts'
import { createReceiver } from '../receive/receive.ts'
import { createRelay } from '../relay/relay.ts'

interface RequestQueue {
  checkPendingRequests(): void
}

function requestQueue(): RequestQueue {
  const path = 'kafkajs/src/network/requestQueue/index.js'
  return (createRequire(import.meta.url)(path) as { readonly prototype: RequestQueue }).prototype
}

describe('the timer loop of kafkajs', () => {
  it('does not run while a connection is idle', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const relay = createRelay({ connection: bench.connection, log: bench.log })
      await relay.start()
      relay.push([outgoing('a')])
      await relay.drained()
      const queue = requestQueue()
      const { checkPendingRequests } = queue
      let checks = 0
      queue.checkPendingRequests = function (this: RequestQueue) {
        checks += 1
        checkPendingRequests.call(this)
      }
      try {
        const began = Date.now()
        await until('fifty idle milliseconds', () => Date.now() - began > 50)
        expect(checks).toBe(0)
        relay.push([outgoing('b')])
        await relay.drained()
        expect(checks).toBeGreaterThan(0)
      } finally {
        queue.checkPendingRequests = checkPendingRequests
        await relay.stop()
      }
    }))

  it('is mended once, and left alone where it looks otherwise', () => {
    expect(mendTimerLoop(recordingLog())).toBe(true)
    for (const strange of [undefined, {}, { scheduleCheckPendingRequests: () => undefined }]) {
      const log = recordingLog()
      expect(mendPrototype(strange, log)).toBe(false)
      expect(log.lines.map(({ level }) => level)).toEqual(['debug'])
    }
  })
})

describe('stopping', () => {
  it('does not reconnect although a send is in flight to a broker that fell silent', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const { proxy, address } = await bench.proxy()
      const connection = bench.connect(address)
      const relay = createRelay({ connection, log: bench.log })
      await relay.start()
      relay.push([outgoing('a')])
      await relay.drained()
      proxy.hush()
      relay.push([outgoing('b')])
      const { connections } = proxy
      expect(await relay.stop({ graceMs: 100 })).toEqual({ left: 1 })
      const stopped = Date.now()
      await until('a moment in which kafkajs would reconnect', () => Date.now() - stopped > 500)
      expect(proxy.connections).toBe(connections)
    }))

  it('does not wait for the end of a fetch that finds nothing', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      // The fetch that is left behind ends with the proxy, not with its own minute.
      const { address } = await bench.proxy()
      const ledger = new MemoryLedger()
      const fetchWaitMs = 60_000
      const receiver = createReceiver({
        connection: bench.connect(address),
        log: bench.log,
        groupId: 'payment',
        topics: ['order.events'],
        assign: (one) => Promise.resolve(ledger.work(one)),
        tuning: { fetchWaitMs, stalledAfterMs: 2 * fetchWaitMs },
      })
      await receiver.start()
      const began = performance.now()
      await receiver.stop()
      expect(performance.now() - began).toBeLessThan(fetchWaitMs / 2)
    }))

  it('ends although the broker fell silent', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const { proxy, address } = await bench.proxy()
      const connection = bench.connect(address)
      const ledger = new MemoryLedger()
      const receiver = createReceiver({
        connection,
        log: bench.log,
        groupId: 'payment',
        topics: ['order.events'],
        assign: (one) => Promise.resolve(ledger.work(one)),
      })
      await receiver.start()
      proxy.hush()
      await receiver.stop()
      expect(ledger.releases).toHaveLength(1)
    }))
})
