import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { type EmbeddedStack, freePort, startStack } from '@troupe/embedded'
import { type GatewayServer, startGateway } from '@troupe-demo/gateway'
import { createServer } from 'node:net'
import { notServed, orderFor } from './orders.ts'
import { type ServiceProcess, startProcess, until } from './process.ts'

type Settings = Record<string, string>
interface Page {
  readonly items: readonly { readonly orderId: string; readonly state: string }[]
  readonly next: string | null
}

let stack: EmbeddedStack
let gateway: GatewayServer
const databases = new Map<string, string>()
const started: ServiceProcess[] = []

beforeAll(async () => {
  stack = await startStack({ postgres: { fsync: false } })
  gateway = await startGateway()
  for (const name of ['order', 'payment', 'inventory', 'shipping']) {
    databases.set(name, await stack.postgres.createDatabase({ name }))
  }
})
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
})
afterAll(async () => {
  await stack?.stop()
  await gateway?.stop()
})

function settingsFor(name: string, change: Settings = {}): Settings {
  return {
    KAFKA_BROKERS: stack.kafka.address,
    SCHEMA_REGISTRY_URL: stack.registry.url,
    DATABASE_URL: databases.get(name) ?? '',
    ...(name === 'payment' ? { GATEWAY_URL: gateway.url } : {}),
    TROUPE_STOP_WITH_PARENT: '1',
    ...change,
  }
}

function start(name: string, change: Settings = {}): ServiceProcess {
  const one = startProcess(name, settingsFor(name, change))
  started.push(one)
  return one
}

async function json<T>(url: string, init?: RequestInit): Promise<T> {
  const response = await fetch(url, init)
  return (await response.json()) as T
}

async function ordersAt(http: string): Promise<Map<string, string>> {
  const all = new Map<string, string>()
  for (let after = ''; ; ) {
    const page: Page = await json(`${http}/orders?limit=1000${after}`)
    for (const { orderId, state } of page.items) all.set(orderId, state)
    if (page.next === null) return all
    after = `&after=${encodeURIComponent(page.next)}`
  }
}

describe('a service as a process', () => {
  it('refuses to start without its settings, and names each of them', async () => {
    const one = startProcess('payment', {})
    const { code, stderr } = await one.ended
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /payment cannot start:\n.*KAFKA_BROKERS is missing.*\n.*SCHEMA_REGISTRY_URL is missing.*\n.*DATABASE_URL is missing.*\n.*GATEWAY_URL is missing/,
    )
  })

  it.each([
    ['KAFKA_BROKERS', '127.0.0.1:1', /kafka at 127\.0\.0\.1:1 has not answered since \d{4}-.*KAFKA_BROKERS/s],
    [
      'SCHEMA_REGISTRY_URL',
      'http://127.0.0.1:1',
      /registry at http:\/\/127\.0\.0\.1:1\/ has not answered since \d{4}-.*SCHEMA_REGISTRY_URL/s,
    ],
    [
      'DATABASE_URL',
      'postgres://payment:hunter2@127.0.0.1:1/payment',
      /database at postgres:\/\/127\.0\.0\.1:1\/payment has not answered since \d{4}-.*DATABASE_URL/s,
    ],
  ])(
    'refuses to start when nobody answers at %s=%s, and says what, where, since when and what to do',
    async (name, value, message) => {
      // One that has had its schemas confirmed would start without the registry.
      const databaseUrl = await stack.postgres.createDatabase({ name: `nobody_at_${name.toLowerCase()}` })
      const { code, stderr, stdout } = await start('payment', {
        DATABASE_URL: databaseUrl,
        [name]: value,
        // Long enough to have asked once.
        TROUPE_START_TIMEOUT_MS: '4000',
      }).ended
      expect(stderr).toMatch(message)
      expect(code).toBe(1)
      expect(stderr + stdout).not.toContain('hunter2')
    },
  )

  it('refuses to start with a wrong password, and says that it is the password', async () => {
    const url = new URL(databases.get('payment') ?? '')
    url.password = 'hunter2'
    // Long enough for a slow machine: a refused password is not waited out.
    const settings = { DATABASE_URL: url.href, TROUPE_START_TIMEOUT_MS: '60000' }
    const { code, stderr, stdout } = await start('payment', settings).ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/password authentication failed.*DATABASE_URL/s)
    expect(stderr + stdout).not.toContain('hunter2')
  })

  it('refuses a port that somebody else has', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const address = `127.0.0.1:${(other.address() as { port: number }).port}`
    const { code, stderr } = await start('payment', { HTTP_ADDRESS: address }).ended
    other.close()
    expect(code).toBe(1)
    expect(stderr).toContain(`HTTP cannot listen on ${address}`)
    expect(stderr).toContain('HTTP_ADDRESS')
  })

  it('is live and ready while it runs, and ends with code 0 on SIGTERM', async () => {
    const one = start('payment')
    const http = await one.running
    expect((await fetch(`${http}/livez`)).status).toBe(200)
    const ready = await until(
      () => fetch(`${http}/readyz`),
      ({ status }) => status === 200,
    )
    expect(await ready.json()).toMatchObject({
      status: 'ok',
      dependencies: { kafka: { state: 'up' }, database: { state: 'up' } },
    })
    one.child.kill('SIGTERM')
    expect(await one.ended).toMatchObject({ code: 0, signal: null })
  })

  it('says while it starts what it waits for', async () => {
    const port = await freePort()
    const one = start('payment', {
      KAFKA_BROKERS: '127.0.0.1:1',
      HTTP_ADDRESS: `127.0.0.1:${port}`,
      TROUPE_START_TIMEOUT_MS: '120000',
    })
    const answer = await until(
      () =>
        fetch(`http://127.0.0.1:${port}/readyz`).then(
          async (response) => ({ status: response.status, body: await response.json() }),
          () => undefined,
        ),
      (found) =>
        (found?.body as { dependencies?: { kafka: { state: string } } } | undefined)?.dependencies?.kafka
          .state === 'down',
    )
    expect(answer).toMatchObject({
      status: 503,
      body: {
        status: 'unavailable',
        state: 'starting',
        dependencies: { kafka: { state: 'down', error: expect.any(String) } },
      },
    })
    const refused = await fetch(`http://127.0.0.1:${port}/payments`)
    expect(refused.status).toBe(503)
    one.child.kill('SIGTERM')
    expect((await one.ended).code).toBe(0)
  })

  it('stops when the process that started it goes away', async () => {
    const one = start('payment')
    await one.running
    one.child.disconnect()
    expect((await one.ended).code).toBe(0)
  })
})

describe('four processes', () => {
  it('lose nothing and double nothing when each is killed in the middle of a burst and started again', async () => {
    const names = ['order', 'payment', 'inventory', 'shipping']
    const http = `http://127.0.0.1:${await freePort()}`
    const change = (name: string): Settings => ({
      TROUPE_SESSION_TIMEOUT_MS: '1000',
      TROUPE_START_TIMEOUT_MS: '180000',
      ...(name === 'order' ? { HTTP_ADDRESS: http.slice('http://'.length) } : {}),
    })
    const running = new Map(names.map((name) => [name, start(name, change(name))]))
    await Promise.all([...running.values()].map((one) => one.running))

    const ordersMax = 200
    const placed = new Set<string>()
    const placing = Array.from({ length: ordersMax }, async (_, n) => {
      const orderId = await placeInsisting(http, `order-${n}`, n % 5 === 0 ? notServed : {})
      placed.add(orderId)
    })
    await until(
      async () => placed.size,
      (count) => count > 0,
    )
    for (const name of names) {
      const one = running.get(name)
      one?.child.kill('SIGKILL')
      await one?.ended
      running.set(name, start(name, change(name)))
    }
    // Who does not come back says why.
    await Promise.all([...placing, ...[...running.values()].map((one) => one.running)])

    const states = await until(
      () => ordersAt(http).catch(() => new Map<string, string>()),
      (all) => [...placed].every((id) => hasEnded(all.get(id))),
      150_000,
    )
    expect(states.size).toBe(ordersMax)
    expect([...states.values()].filter((state) => state === 'completed')).toHaveLength(160)
    const book = await json<{ held: number }>(`${await running.get('inventory')?.running}/stock/book`)
    expect(book.held).toBe(160 * 2)
  })
})

function hasEnded(state: string | undefined): boolean {
  return state === 'completed' || state === 'cancelled'
}

/** Posts an order until it is taken, as a client would whose server dies: under one idempotency key. */
async function placeInsisting(http: string, idempotencyKey: string, change: object): Promise<string> {
  const post = async () => {
    const response = await fetch(`${http}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      body: JSON.stringify(orderFor(change)),
    })
    return response.status === 202 ? ((await response.json()) as { orderId: string }).orderId : undefined
  }
  const orderId = await until(
    () => post().catch(() => undefined),
    (found) => found !== undefined,
    150_000,
  )
  return orderId ?? ''
}
