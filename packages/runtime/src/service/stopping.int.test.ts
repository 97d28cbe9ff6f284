import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import net from 'node:net'
import { ecosystem, startTestStack, type TestStack } from '../kits/ecosystem.test.kit.ts'
import { deferred, until } from '../kits/fakes.test.kit.ts'
import type { RunningService } from './running-service.ts'
import { startTcpProxy } from '../kits/tcp-proxy.test.kit.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.stop(), 30_000)

const stopTimeoutMs = 1_000
/** What closing may take beyond the setting on a machine that is busy with other tests. */
const smallMs = 8_000

async function expectStopInTime(running: RunningService): Promise<void> {
  const beganMs = performance.now()
  const stopping = running.stop()
  expect(running.stop()).toBe(stopping)
  expect(running.status().isReady).toBe(false)
  await stopping
  expect(performance.now() - beganMs).toBeLessThan(stopTimeoutMs + smallMs)
  expect(running.status().state).toBe('stopped')
  await expect(running.start()).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
}

/** Accepts connections and never says a word. */
async function silentServer() {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as net.AddressInfo).port,
    connections: () => sockets.size,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

describe('stopping a service', () => {
  it('that never was started takes no time', async () => {
    const { bank } = ecosystem('new')
    const { running, log } = stack.create(bank, await stack.settings('new-bank', { stopTimeoutMs }))
    await expectStopInTime(running)
    expect(log.lines).toEqual([])
  })

  it.each(['kafkaBrokers', 'registryUrl', 'databaseUrl'] as const)(
    'that starts and gets no answer at its %s ends the start',
    async (setting) => {
      const silent = await silentServer()
      const address = `127.0.0.1:${silent.port}`
      const silently = {
        kafkaBrokers: [address],
        registryUrl: `http://${address}`,
        databaseUrl: `postgres://bank:x@${address}/bank`,
      }
      const name = `silent-${setting.toLowerCase()}`
      const { bank } = ecosystem(name)
      const { running } = stack.create(
        bank,
        await stack.settings(`${name}-bank`, { stopTimeoutMs, [setting]: silently[setting] }),
      )
      const starting = running.start()
      starting.catch(() => {})
      await until(() => silent.connections() > 0)
      expect(running.status().state).toBe('starting')
      await expectStopInTime(running)
      await expect(starting).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
      silent.close()
    },
  )

  it('that is busy with a call that never ends gives it up; the next start does its work', async () => {
    const called = deferred()
    let isStuck = true
    const own = ecosystem('busy', {
      perform() {
        called.resolve()
        return isStuck ? new Promise(() => {}) : Promise.resolve('')
      },
    })
    const settings = await stack.settings('busy-bank', { stopTimeoutMs })
    const counter = stack.create(own.counter, await stack.settings('busy-counter'))
    const first = stack.create(own.bank, settings)
    await Promise.all([counter.running.start(), first.running.start()])
    await counter.running.decide(own.payIn, { account: 'a', number: 1 })
    await called.promise
    await expectStopInTime(first.running)
    isStuck = false
    const second = stack.create(own.bank, settings)
    await second.running.start()
    await until(async () => (await second.running.read(own.account('a'))).booked.length > 0)
    expect(first.log.lines.filter(({ level }) => level === 'error')).toEqual([])
    await Promise.all([counter.running.stop(), second.running.stop()])
  })

  it('whose database is gone while commands and events wait for it ends, and they fail with a reason', async () => {
    const own = ecosystem('gone')
    const settings = await stack.settings('gone-bank', { stopTimeoutMs })
    const counterSettings = await stack.settings('gone-counter', { stopTimeoutMs })
    const proxy = await startTcpProxy(Number(new URL(settings.databaseUrl).port))
    const through = (url: string) => url.replace(/:\d+\//, `:${proxy.port}/`)
    const counter = stack.create(own.counter, {
      ...counterSettings,
      databaseUrl: through(counterSettings.databaseUrl),
    })
    const bank = stack.create(own.bank, { ...settings, databaseUrl: through(settings.databaseUrl) })
    await Promise.all([counter.running.start(), bank.running.start()])
    await proxy.close()
    const asked = counter.running.decide(own.payIn, { account: 'a', number: 1 })
    asked.catch(() => {})
    await until(() => counter.running.status().dependencies.database.state === 'down')
    await Promise.all([expectStopInTime(counter.running), expectStopInTime(bank.running)])
    await expect(asked).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
  })

  it('whose Kafka is gone ends; what was not published is published by the next start', async () => {
    const own = ecosystem('unheard')
    const settings = await stack.settings('unheard-counter', { stopTimeoutMs })
    const counter = stack.create(own.counter, settings)
    const bank = stack.create(own.bank, await stack.settings('unheard-bank', { stopTimeoutMs }))
    await Promise.all([counter.running.start(), bank.running.start()])
    await stack.kafka.stop()
    await counter.running.decide(own.payIn, { account: 'a', number: 1 })
    await Promise.all([expectStopInTime(counter.running), expectStopInTime(bank.running)])
    await stack.kafka.start()
    const again = stack.create(own.counter, settings)
    const heard = stack.create(own.bank, await stack.settings('unheard-bank'))
    await Promise.all([again.running.start(), heard.running.start()])
    await until(async () => (await heard.running.read(own.account('a'))).booked.length > 0)
    expect(again.log.lines.map(({ message }) => message)).toContain(
      'publishing what an earlier process left in the outbox',
    )
    await Promise.all([again.running.stop(), heard.running.stop()])
  })
})

describe('a start that fails', () => {
  const openHandles = () => {
    // oxlint-disable-next-line typescript/no-deprecated -- it is what there is
    const all = process.getActiveResourcesInfo()
    return all.filter((kind) => kind === 'TCPSocketWrap' || kind === 'TCPServerWrap').length
  }

  it('says what all of its dependencies said, and leaves nothing open', async () => {
    const { bank } = ecosystem('failing')
    const settings = await stack.settings('failing-bank', {
      startTimeoutMs: 300,
      stopTimeoutMs,
      kafkaBrokers: ['127.0.0.1:1'],
      registryUrl: 'http://127.0.0.1:1',
      http: { host: '127.0.0.1', port: 0 },
    })
    const before = openHandles()
    const { running } = stack.create(bank, settings)
    await expect(running.start()).rejects.toMatchObject({
      message: expect.stringMatching(/registry at .*SCHEMA_REGISTRY_URL.*\n.*kafka at .*KAFKA_BROKERS/s),
    })
    expect(running.status().state).toBe('stopped')
    await until(() => openHandles() <= before)
    await running.stop()
  })

  it('refuses settings that cannot be used before anything is opened', async () => {
    const { bank } = ecosystem('unfit')
    const wrong = await stack.settings('unfit', { databaseUrl: 'postgres://127.0.0.1' })
    expect(() => stack.create(bank, wrong)).toThrow(/database/)
  })
})
