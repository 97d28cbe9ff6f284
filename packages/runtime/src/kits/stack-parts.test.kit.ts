// Kafka, a registry and PostgreSQL for the tests of one file, each of which can be stopped and started again
// where it was: the embedded ones really, external ones by a proxy that takes them away from these tests only.
import {
  type Broker,
  createDatabaseAt,
  dropDatabaseAt,
  type EmbeddedPostgres,
  type EmbeddedRegistry,
  freePort,
  startBroker,
  startPostgres,
  startRegistry,
} from '@troupe/embedded'
import { connectKafka } from '@troupe/kafka'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keepingLog } from './fakes.test.kit.ts'
import { advertising, startTcpProxy } from './tcp-proxy.test.kit.ts'

export interface Part {
  stop(): Promise<void>
  start(): Promise<void>
}

export interface StackParts {
  readonly kafka: Part & {
    readonly address: string
    /** Lets things go wrong, until it is stopped. Not where the broker is somebody else's. */
    readonly onRequest?: Broker['onRequest']
  }
  /** `empty` makes it forget every schema of these tests. */
  readonly registry: Part & { readonly url: string; empty(): Promise<void> }
  readonly postgres: Part & { createDatabase(name: string): Promise<string> }
  /** Of everything that these tests make where others are too. */
  readonly namespace: string | undefined
  /** Takes everything away again. */
  close(): Promise<void>
}

export async function startParts(): Promise<StackParts> {
  const { TROUPE_STACK: stack, ...variables } = process.env
  const { TROUPE_EXTERNAL_KAFKA: kafka = '', TROUPE_EXTERNAL_REGISTRY: registry = '' } = variables
  const { TROUPE_EXTERNAL_POSTGRES: postgres = '' } = variables
  return stack === 'external' ? await externalParts(kafka, registry, postgres) : await embeddedParts()
}

async function embeddedParts(): Promise<StackParts> {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-runtime-'))
  const dirOf = (part: string) => join(folder, part)
  const [kafka, registry, postgres] = await Promise.all([
    restartable<Broker>((port) => startBroker({ port, dir: dirOf('kafka') })),
    restartable<EmbeddedRegistry>((port) => startRegistry({ port, dir: dirOf('registry') })),
    restartable<EmbeddedPostgres>((port) => startPostgres({ port, dir: dirOf('postgres'), fsync: false })),
  ])
  return {
    kafka: { ...kafka, address: kafka.now().address, onRequest: (hook) => kafka.now().onRequest(hook) },
    registry: { ...registry, url: registry.now().url, empty: () => registry.now().empty() },
    postgres: { ...postgres, createDatabase: (name) => postgres.now().createDatabase({ name }) },
    namespace: undefined,
    async close() {
      await Promise.all([kafka.stop(), registry.stop(), postgres.stop()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function restartable<One extends { readonly port: number; stop(): Promise<void> }>(
  start: (port: number) => Promise<One>,
): Promise<Part & { now(): One }> {
  let one = await start(await freePort())
  const { port } = one
  return {
    now: () => one,
    stop: () => one.stop(),
    async start() {
      one = await start(port)
    },
  }
}

async function externalParts(
  kafkaAddress: string,
  registryUrl: string,
  postgresUrl: string,
): Promise<StackParts> {
  const [host = '', port] = kafkaAddress.split(':')
  const own = { port: 0 }
  // Kafka sends its clients to an address, which has to be the proxy's.
  const kafka = await startTcpProxy(
    { host, port: Number(port) },
    { host, rewrite: (answer) => advertising(own.port, host, answer) },
  )
  own.port = kafka.port
  const [registry, postgres] = await Promise.all([registryUrl, postgresUrl].map(proxyBefore))
  if (!registry || !postgres) throw new Error('there are two')
  const namespace = `r${randomUUID().slice(0, 8)}`
  const databases = new Map<string, Promise<string>>()
  return {
    kafka: { ...partOf(kafka), address: `${host}:${kafka.port}` },
    registry: {
      ...partOf(registry),
      url: throughPort(registryUrl, registry.port),
      empty: () => deleteSubjects(registryUrl, namespace),
    },
    postgres: {
      ...partOf(postgres),
      async createDatabase(name) {
        // PostgreSQL cuts names off after 63 bytes.
        const full = `${namespace}_${name}`.slice(0, 63)
        const made = databases.get(full) ?? createDatabaseAt(postgresUrl, { name: full })
        databases.set(full, made)
        return throughPort(await made, postgres.port)
      },
    },
    namespace,
    async close() {
      await Promise.all([kafka, registry, postgres].map((proxy) => proxy.close()))
      for (const name of databases.keys()) await dropDatabaseAt(postgresUrl, { name })
      await tidy(kafkaAddress, registryUrl, namespace)
    },
  }
}

/** Removes the topics, groups and subjects of a namespace. */
async function tidy(kafkaAddress: string, registryUrl: string, namespace: string): Promise<void> {
  const isOwn = (name: string) => name.startsWith(`${namespace}.`)
  const client = connectKafka({ clientId: 'tidy', brokers: [kafkaAddress] }, keepingLog()).open()
  const admin = client.kafka.admin()
  await admin.connect()
  const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId).filter(isOwn)
  // One that a test left without saying goodbye is not empty yet: it goes by itself.
  if (groups.length > 0) await admin.deleteGroups(groups).catch(() => {})
  const topics = (await admin.listTopics()).filter(isOwn)
  if (topics.length > 0) await admin.deleteTopics({ topics })
  await admin.disconnect()
  client.destroy()
  await deleteSubjects(registryUrl, namespace)
}

async function deleteSubjects(registryUrl: string, namespace: string): Promise<void> {
  const subjects = (await (await fetch(`${registryUrl}/subjects`)).json()) as readonly string[]
  for (const subject of subjects.filter((name) => name.startsWith(`${namespace}.`)))
    for (const how of ['', '?permanent=true'])
      await fetch(`${registryUrl}/subjects/${encodeURIComponent(subject)}${how}`, { method: 'DELETE' })
}

const defaultPorts: Readonly<Record<string, number>> = { 'http:': 80, 'postgres:': 5432, 'postgresql:': 5432 }

function proxyBefore(url: string) {
  const { hostname, port, protocol } = new URL(url)
  return startTcpProxy({ host: hostname, port: Number(port) || Number(defaultPorts[protocol]) })
}

function throughPort(url: string, port: number): string {
  const changed = new URL(url)
  changed.hostname = '127.0.0.1'
  changed.port = String(port)
  return changed.href
}

function partOf(proxy: Awaited<ReturnType<typeof startTcpProxy>>): Part {
  return { stop: () => proxy.close(), start: () => proxy.accept() }
}
