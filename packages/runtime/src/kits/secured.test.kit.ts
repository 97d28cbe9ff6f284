// The embedded stack behind TLS and passwords. Kafka and the registry get a proxy that ends TLS; PostgreSQL
// does it by itself.
import { chownSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { type EmbeddedPostgres, startPostgres } from '@troupe/embedded'
import { authority, server } from './certificates.test.kit.ts'
import { advertising } from './tcp-proxy.test.kit.ts'

export interface Front {
  readonly port: number
  close(): Promise<void>
}

/**
 * Ends TLS in front of a broker, and lets in only who shows a certificate of the authority. The broker's
 * answers send clients to `advertised`, or to the proxy itself.
 */
export async function startKafkaFront(
  brokerPort: number,
  { isSecure = true, advertised }: { readonly isSecure?: boolean; readonly advertised?: number } = {},
): Promise<Front> {
  const sockets = new Set<net.Socket>()
  const own = { port: 0 }
  const serve = (client: net.Socket) => {
    const broker = net.connect({ host: '127.0.0.1', port: brokerPort })
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        broker.destroy()
      })
    }
    client.on('data', (chunk) => broker.write(chunk))
    broker.on('data', (chunk) => client.write(advertising(advertised ?? own.port, '127.0.0.1', chunk)))
  }
  const listener = isSecure
    ? tls.createServer({ ...server, ca: authority, requestCert: true, rejectUnauthorized: true }, serve)
    : net.createServer(serve)
  return await listening(listener, own, sockets)
}

/** Ends TLS in front of a registry, and lets in only who knows the password. */
export async function startRegistryFront(
  registryUrl: string,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<Front> {
  const due = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const sockets = new Set<net.Socket>()
  const listener = https.createServer(server, (request, response) => {
    if (request.headers.authorization !== due) {
      response.writeHead(401, { 'content-type': 'application/json' })
      response.end('{"error_code":40101,"message":"Unauthorized"}')
      return
    }
    const { authorization: _, host: __, ...headers } = request.headers
    const { method = 'GET', url = '/' } = request
    const passed = http.request(`${registryUrl}${url}`, { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    passed.on('error', () => response.destroy())
    request.pipe(passed)
  })
  listener.on('connection', (socket: net.Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  return await listening(listener, { port: 0 }, sockets)
}

async function listening(
  listener: net.Server,
  own: { port: number },
  sockets: ReadonlySet<net.Socket>,
): Promise<Front> {
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  own.port = (listener.address() as net.AddressInfo).port
  return {
    port: own.port,
    close: () =>
      new Promise<void>((resolve) => {
        listener.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** PostgreSQL with `ssl = on`. */
export async function startSecurePostgres(): Promise<EmbeddedPostgres> {
  const dir = mkdtempSync(join(tmpdir(), 'troupe-secure-'))
  // The key has to belong to the server's user, who has a folder only after a first start.
  await (await startPostgres({ dir, fsync: false })).stop()
  const data = join(dir, readdirSync(dir, { recursive: true }).map(String).find(isVersion) ?? '', '..')
  const { uid, gid } = statSync(join(data, 'PG_VERSION'))
  for (const [name, text] of [
    ['server.crt', server.cert],
    ['server.key', server.key],
  ] as const) {
    writeFileSync(join(data, name), text, { mode: 0o600 })
    chownSync(join(data, name), uid, gid)
  }
  const postgres = await startPostgres({ dir, fsync: false, settings: { ssl: 'on' } })
  return {
    ...postgres,
    async stop() {
      await postgres.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function isVersion(path: string): boolean {
  return /(^|[\\/])PG_VERSION$/.test(path) && !path.includes('base')
}
