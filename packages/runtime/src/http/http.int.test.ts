import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import net from 'node:net'
import { fileURLToPath } from 'node:url'
import { ecosystem, startTestStack, type TestStack } from '../kits/ecosystem.test.kit.ts'
import type { Settings } from '../settings/environment.ts'
import { until } from '../kits/fakes.test.kit.ts'
import type { Routes } from '../service/running-service.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.stop(), 30_000)

const http = { host: '127.0.0.1', port: 0 }

async function serve(name: string, routes: Routes, change: Partial<Settings> = {}) {
  const own = ecosystem(name)
  const { running, log } = stack.create(
    own.counter,
    await stack.settings(`${name}-counter`, { http, ...change }),
    {
      routes,
    },
  )
  await running.start()
  return { ...own, running, log, url: running.httpUrl ?? '' }
}

describe('the HTTP server of a service', () => {
  it('answers the health checks, and says why it is not ready', async () => {
    const { running, url } = await serve('health', () => {})
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    await until(async () => (await fetch(`${url}/readyz`)).status === 200)
    await stack.postgres.stop()
    await until(async () => (await fetch(`${url}/readyz`)).status === 503)
    // Other dependencies may have had a bad moment of their own.
    const answer = async () =>
      (await (await fetch(`${url}/readyz`)).json()) as { dependencies: { database: { state: string } } }
    await until(async () => (await answer()).dependencies.database.state === 'down')
    expect(await answer()).toMatchObject({
      status: 'unavailable',
      state: 'running',
      dependencies: {
        database: { state: 'down', since: expect.stringMatching(/^\d{4}-/), error: expect.any(String) },
      },
    })
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    await stack.postgres.start()
    await until(async () => (await fetch(`${url}/readyz`)).status === 200)
    await running.stop()
    await expect(fetch(`${url}/livez`)).rejects.toThrow()
  })

  it('tells whose fault it is: the request’s, the moment’s or the service’s', async () => {
    const { running, url, log } = await serve('faults', (own, service) => {
      const { payIn } = ecosystem('faults')
      own.get('/crash', () => {
        throw new Error('secret detail')
      })
      own.get('/undefined', () => Promise.reject(undefined as unknown as Error))
      own.post<{ Headers: { 'idempotency-key': string } }>('/pay', ({ body, headers }) =>
        service.decide(commandOf(service) ?? payIn, body as never, {
          idempotencyKey: headers['idempotency-key'],
        }),
      )
    })
    const pay = (body: string | Uint8Array<ArrayBuffer>, key = 'k1') =>
      fetch(`${url}/pay`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
      })
    const paid = JSON.stringify({ account: 'a', number: 1 })
    expect((await pay(paid)).status).toBe(200)
    expect((await pay(paid)).status).toBe(200)
    expect((await pay(JSON.stringify({ account: 'b', number: 1 }))).status).toBe(422)
    expect((await pay('{')).status).toBe(400)
    expect((await pay(paid, 'k'.repeat(600))).status).toBe(400)
    expect((await pay(JSON.stringify({ account: 'x'.repeat(300_000) }))).status).toBe(413)
    expect((await fetch(`${url}/nowhere`)).status).toBe(404)
    for (const body of [
      Buffer.from([...Buffer.from('{"account":"'), 0xff, ...Buffer.from('","number":1}')]),
      '{"account":"a","number":1,"more":{"__proto__":{"x":1}}}',
      '{"account":"a","number":1,"constructor":{"prototype":{}}}',
      '['.repeat(100_000),
      '',
    ]) {
      const refused = await pay(body, 'k2')
      expect(refused.status).toBe(400)
      expect(refused.headers.get('content-type')).toContain('application/problem+json')
    }
    expect(await (await pay('{"account":"a","m/n":[{"\\u005f_proto__":1}]}', 'k2')).json()).toMatchObject({
      detail: expect.stringContaining('A field cannot be named __proto__'),
      errors: [{ pointer: '#/m~1n/0/__proto__' }],
    })
    for (const path of ['/crash', '/undefined']) {
      const crashed = await fetch(`${url}${path}`)
      expect(crashed.status).toBe(500)
      expect(crashed.headers.get('content-type')).toContain('application/problem+json')
      expect(await crashed.text()).not.toContain('secret')
    }
    expect(log.lines.some(({ message }) => message.includes('secret detail'))).toBe(true)
    await running.stop()
  })

  it('answers with a problem what never became a request', async () => {
    const { running, url } = await serve('unreadable', () => {})
    const huge = `GET /livez HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`
    for (const [sent, status] of [
      [huge, 431],
      ['what is this\r\n\r\n', 400],
    ] as const) {
      const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
      socket.on('error', () => {})
      let answer = ''
      socket.on('data', (part) => (answer += String(part)))
      socket.write(sent)
      await once(socket, 'close')
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      expect(answer).toContain('content-type: application/problem+json')
      expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ status })
    }
    await running.stop()
  })

  it('cuts off a request that does not end when the service stops, and a client that only half asks', async () => {
    let isAsked = false
    const routes: Routes = (own) => {
      own.get('/never', () => {
        isAsked = true
        return new Promise(() => {})
      })
    }
    const { running, url } = await serve('never', routes, { stopTimeoutMs: 1_000 })
    const asked = fetch(`${url}/never`)
    asked.catch(() => {})
    const half = net.connect(Number(new URL(url).port), '127.0.0.1')
    half.on('error', () => {})
    half.write('POST /pay HTTP/1.1\r\ncontent-length: 100\r\n')
    await until(() => isAsked)
    const beganMs = performance.now()
    await running.stop()
    // Whoever asks goes on asking for ever.
    expect(performance.now() - beganMs).toBeLessThan(20_000)
    await expect(asked).rejects.toThrow()
    half.destroy()
  })

  it('does not start with routes that cannot be declared', async () => {
    const twice: Routes = (own) => {
      own.get('/one', () => ({}))
      own.get('/one', () => ({}))
    }
    await expect(serve('twice', twice)).rejects.toThrow(/already declared for route '\/one'/)
  })

  it('does not take a port that somebody else has', async () => {
    const other = net.createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as net.AddressInfo
    const refused = await serve('taken', () => {}, { http: { host: '127.0.0.1', port } }).catch(
      (error) => error,
    )
    other.close()
    expect(refused).toMatchObject({
      code: 'TROUPE_SETTING_INVALID',
      message: expect.stringContaining('HTTP_ADDRESS'),
    })
  })
})

/** The command as the service lists it: types are made anew by each call of `ecosystem`. */
function commandOf({ service }: { readonly service: { readonly commands: ReadonlyMap<string, unknown> } }) {
  return service.commands.get('payIn') as ReturnType<typeof ecosystem>['payIn'] | undefined
}

describe('a service as a process', () => {
  const main = fileURLToPath(new URL('../../dist/kits/process.test.kit.js', import.meta.url))
  const children: ChildProcess[] = []
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  async function start(change: Record<string, string> = {}) {
    if (!existsSync(main)) throw new Error(`${main} is missing. Build first: npx -y pnpm@10.34.9 build`)
    const settings = await stack.settings('process-bank')
    const child = spawn(process.execPath, [main], {
      env: {
        PATH: process.env['PATH'],
        KAFKA_BROKERS: settings.kafkaBrokers.join(','),
        SCHEMA_REGISTRY_URL: settings.registryUrl,
        DATABASE_URL: settings.databaseUrl,
        TROUPE_NAMESPACE: settings.namespace ?? '',
        TROUPE_STOP_TIMEOUT_MS: '60000',
        ...change,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    children.push(child)
    let said = ''
    child.stdout?.on('data', (part) => (said += part))
    child.stderr?.on('data', (part) => (said += part))
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    const [message] = (await Promise.race([
      once(child, 'message'),
      ended.then(() => {
        throw new Error(`It ended: ${said}`)
      }),
    ])) as [{ http: string }]
    return { child, ended, http: message.http, said: () => said }
  }

  it.each([
    ['/throw', 'nobody caught this'],
    ['/reject', 'nobody caught undefined'],
  ])('says what nobody caught (%s), stops and ends with code 1', async (path, message) => {
    const { ended, http: url, said } = await start()
    await fetch(`${url}${path}`, { method: 'POST' }).catch(() => {})
    expect(await ended).toEqual([1, null])
    expect(said()).toContain(message)
    expect(said()).toContain('has stopped')
  })

  it('waits for a request under way on SIGTERM, and ends at once on a second one', async () => {
    const { child, ended, http: url, said } = await start()
    const asked = once(child, 'message')
    fetch(`${url}/never`).catch(() => {})
    expect(await asked).toMatchObject([{ asked: '/never' }])
    child.kill('SIGTERM')
    await until(() => said().includes('is asked to stop'))
    const beganMs = performance.now()
    child.kill('SIGTERM')
    expect((await ended)[0]).toBe(1)
    // Well before the first stop would have given up what it waits for.
    expect(performance.now() - beganMs).toBeLessThan(30_000)
    expect(said()).not.toContain('has stopped')
  })
})
