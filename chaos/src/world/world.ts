// The order story with everything killable: broker, registry, database and every instance of a service are
// processes of their own, and between each instance and what it speaks to stands a proxy.
//
// Invariants
// 1. Everything keeps its address and its folder over a restart.
// 2. What a process said goes to `<folder>/logs/<name>.log`, all starts of it one after the other.
// 3. Nothing outlives `close`, nor this process.

import { freePort, queryAt } from '@troupe/embedded'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Misbehaviour } from '../faults/schedule.ts'
import type { ChildExit } from '../processes/child.ts'
import { compiled } from '../processes/compiled.ts'
import { createPart, type Part } from '../processes/part.ts'
import { createInstance, type Instance, type InstanceSettings } from './instance.ts'

export interface WorldOptions {
  /** Where everything is kept; exists. */
  readonly folder: string
  /** Default: the demo's four. */
  readonly services?: readonly ServiceName[]
  /** How many instances of each there can be; only the first of each is started with the world. Default 1. */
  readonly instancesMax?: number
  /** Default 3. */
  readonly partitions?: number
  /** How soon another instance takes over from one that died. Default 2,000. */
  readonly sessionTimeoutMs?: number
  /** Whether PostgreSQL forces its log to the disk. Kills of processes lose nothing either way. Default false. */
  readonly fsync?: boolean
  /** Told of a process that ended although nobody asked it to. */
  readonly onEnd?: (name: string, exit: ChildExit) => void
}

export type ServiceName = 'order' | 'payment' | 'inventory' | 'shipping' | 'clerk'
/** The demo's. */
export const serviceNames: readonly ServiceName[] = ['order', 'payment', 'inventory', 'shipping']

export interface World {
  readonly folder: string
  readonly services: readonly ServiceName[]
  readonly partitions: number
  readonly broker: Part
  readonly registry: Part
  readonly database: Part
  /** Payment's gateway, which keeps its book over a restart. */
  readonly gateway: Part
  readonly gatewayUrl: string
  /** From now on it does so; `ms` is how slow it is. */
  tellGateway(is: Misbehaviour | 'well', ms?: number): Promise<void>
  /** By name, such as `payment-2`. */
  readonly instances: ReadonlyMap<string, Instance>
  /** @throws Error if there is no such instance */
  instance(name: string): Instance
  /** SIGKILL to PostgreSQL's own process. Resolves when nothing is left of it; it does not start by itself. */
  crashDatabase(): Promise<void>
  /** `host:port` of the broker, past all proxies. */
  readonly kafka: string
  readonly registryUrl: string
  /** A service's database, past all proxies. */
  databaseUrl(service: ServiceName): string
  /** Runs this as the database's superuser. */
  administer(sql: string): Promise<void>
  /** Starts the stack, and the first instance of each service. */
  start(): Promise<void>
  /** Makes every proxy pass everything on, thaws what is frozen, and starts what is down. */
  heal(): Promise<void>
  close(): Promise<void>
}

const password = 'chaos'
const require = createRequire(import.meta.url)

/** The compiled module that is a service's process. */
function mainOf(service: ServiceName): string {
  return service === 'clerk'
    ? join(compiled, 'processes', 'clerk-process.js')
    : join(dirname(require.resolve(`@troupe-demo/${service}/package.json`)), 'dist/main.js')
}

const gatewayMain = join(dirname(require.resolve('@troupe-demo/gateway/package.json')), 'dist/main.js')

/** A world of which nothing runs yet. */
export async function createWorld(options: WorldOptions): Promise<World> {
  const { folder, services = serviceNames, instancesMax = 1, partitions = 3, onEnd } = options
  mkdirSync(join(folder, 'logs'), { recursive: true })
  const [kafkaPort, registryPort, databasePort, gatewayPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ])
  let postmaster: number | undefined
  let adminUrl = ''
  let isCrashing = false

  const stackPart = (name: string, port: number, environment: Readonly<Record<string, string>> = {}): Part =>
    createPart({
      name,
      child: () => ({
        main: join(compiled, 'processes', `${name}-process.js`),
        logFile: join(folder, 'logs', `${name}.log`),
        environment: { CHAOS_DIR: join(folder, name), CHAOS_PORT: String(port), ...environment },
      }),
      onRunning({ postmaster: pid, url }) {
        if (typeof pid === 'number') postmaster = pid
        if (typeof url === 'string') adminUrl = url
      },
      onEnd(exit) {
        if (name !== 'database' || !isCrashing) onEnd?.(name, exit)
      },
    })
  const broker = stackPart('broker', kafkaPort)
  const registry = stackPart('registry', registryPort)
  const database = stackPart('database', databasePort, {
    CHAOS_DATABASES: services.join(','),
    CHAOS_PASSWORD: password,
    CHAOS_FSYNC: options.fsync ? '1' : '0',
  })

  const gatewayUrl = `http://127.0.0.1:${gatewayPort}`
  const gateway = createPart({
    name: 'gateway',
    child: () => ({
      main: gatewayMain,
      logFile: join(folder, 'logs', 'gateway.log'),
      environment: {
        HTTP_ADDRESS: `127.0.0.1:${gatewayPort}`,
        GATEWAY_FILE: join(folder, 'gateway', 'book.jsonl'),
      },
    }),
    onEnd: (exit) => onEnd?.('gateway', exit),
  })
  async function tellGateway(is: Misbehaviour | 'well', ms = 0): Promise<void> {
    // One that is down says nothing, and behaves well when it is started again.
    if (gateway.state !== 'up') return
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ is, ms })
    const { status } = await fetch(`${gatewayUrl}/behaviour`, { method: 'PUT', headers, body })
    if (status !== 204) throw new Error(`The gateway answered ${status} when it was told to be ${is}.`)
  }

  const instances = new Map<string, Instance>()
  for (const service of services) {
    for (let number = 1; number <= instancesMax; number += 1) {
      const settings: InstanceSettings = {
        name: `${service}-${number}`,
        service,
        main: mainOf(service),
        logs: join(folder, 'logs'),
        ports: { kafka: kafkaPort, registry: registryPort, database: databasePort },
        password,
        gatewayUrl,
        partitions,
        sessionTimeoutMs: options.sessionTimeoutMs ?? 2_000,
        onEnd: (exit) => onEnd?.(`${service}-${number}`, exit),
      }
      instances.set(settings.name, await createInstance(settings))
    }
  }
  const stack = [broker, registry, database, gateway]
  const all = () => [...instances.values()]
  const firsts = () => all().filter(({ number }) => number === 1)

  return {
    folder,
    services,
    partitions,
    broker,
    registry,
    database,
    gateway,
    gatewayUrl,
    tellGateway,
    instances,
    instance(name) {
      const one = instances.get(name)
      if (!one) throw new Error(`There is no instance ${name} in this world.`)
      return one
    },
    async crashDatabase() {
      if (postmaster === undefined || database.state !== 'up') return
      isCrashing = true
      process.kill(postmaster, 'SIGKILL')
      await database.gone()
      isCrashing = false
    },
    kafka: `127.0.0.1:${kafkaPort}`,
    registryUrl: `http://127.0.0.1:${registryPort}`,
    databaseUrl: (service) => `postgresql://${service}:${password}@127.0.0.1:${databasePort}/${service}`,
    async administer(sql) {
      await queryAt(adminUrl, sql)
    },
    async start() {
      await Promise.all(stack.map((part) => part.start()))
      await Promise.all(firsts().map(({ part }) => part.start()))
    },
    async heal() {
      for (const { links, part } of all()) {
        for (const link of Object.values(links)) link.heal()
        part.thaw()
      }
      for (const part of stack) part.thaw()
      await Promise.all(stack.map((part) => part.start()))
      await tellGateway('well')
      await Promise.all(firsts().map(({ part }) => part.start()))
    },
    async close() {
      // Nobody asks for a good end here: what the services owe each other is not looked at any more.
      await Promise.all(all().map((instance) => instance.close()))
      await Promise.all(stack.map((part) => part.stop()))
    },
  }
}
