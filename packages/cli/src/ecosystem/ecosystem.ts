// The embedded stack and services on it, each service a process of its own.
//
// Invariants
// 1. Each service has a database of its own and a role that can reach no other.
// 2. Stopping goes against the stream: the services first, all at once, then the stack they speak to.
// 3. What was started when a start fails is stopped before the failure is reported.

import { type EmbeddedStack, startStack } from '@troupe/embedded'
import { TroupeError } from '@troupe/core'
import { type Address, anyAddress } from './address.ts'
import type { ServiceLine } from './log-lines.ts'
import { createServiceProcess, type ServiceProcess } from './service-process.ts'
import { type ServiceSpec, storyServices } from './service-main.ts'
import { stackAddresses } from './stack-addresses.ts'

export interface EcosystemOptions {
  /** Keeps all data in this folder; nothing is kept unless given. */
  readonly dir?: string
  /** Where to listen: any free port of the loopback interface unless given. `http` is the order service's. */
  readonly addresses?: Partial<Record<'kafka' | 'registry' | 'postgres' | 'http', Address>>
  /** Partitions per topic. Default 3. */
  readonly partitions?: number
  /** Level of the services' logs. Default `info`. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error'
  readonly onLine?: (line: ServiceLine) => void
  /** What the stack has to say, for a person. */
  readonly onStackLine?: (level: 'info' | 'warn' | 'error', message: string) => void
  /** Told as each part comes up. */
  readonly onProgress?: (part: string, ms: number) => void
  /** Default: the order story's four. */
  readonly services?: readonly ServiceSpec[]
}

/** How long the parts took to start, in milliseconds. */
export interface EcosystemTimings {
  readonly kafkaMs: number
  readonly registryMs: number
  readonly postgresMs: number
  readonly stackMs: number
  readonly databasesMs: number
  /** By name; they start beside each other. */
  readonly serviceMs: Readonly<Record<string, number>>
  readonly totalMs: number
}

/** A running ecosystem. */
export interface Ecosystem {
  readonly stack: EmbeddedStack
  /** By name. */
  readonly services: ReadonlyMap<string, ServiceProcess>
  /** By service; with passwords. */
  readonly databaseUrls: ReadonlyMap<string, string>
  readonly timings: EcosystemTimings
  /** Rejects as soon as a service or a part of the stack ends although nobody stopped it; else stays pending. */
  readonly failed: Promise<never>
  /** The HTTP address of a service. @throws TroupeError `TROUPE_SERVICE_NOT_FOUND` */
  urlOf(service: string): string
  stopService(name: string): Promise<void>
  /** Starts a service that was stopped, at the address that it had. */
  startService(name: string): Promise<void>
  /** Harmless when called twice. */
  stop(): Promise<void>
}

/**
 * Starts a stack and services on it.
 *
 * @param signal calls the start off: what has started is stopped, then the signal's reason is thrown
 * @throws what refused the start: a port that is taken, a folder in use, a service that died
 */
export async function startEcosystem(
  options: EcosystemOptions = {},
  signal?: AbortSignal,
): Promise<Ecosystem> {
  const { dir, partitions = 3, logLevel = 'info', onLine, onStackLine, onProgress } = options
  const specs = options.services ?? storyServices()
  const sinceMs = performance.now()
  const stack = await startStack({
    ...stackAddresses(options.addresses ?? {}),
    ...(dir === undefined ? {} : { dir }),
    ...(onStackLine ? { log: onStackLine } : {}),
  })
  const processes: ServiceProcess[] = []
  let stopped: Promise<void> | undefined
  const stop = () => (stopped ??= stopAll(processes, stack))
  try {
    signal?.throwIfAborted()
    onProgress?.('stack', stack.timings.totalMs)
    const databasesFromMs = performance.now()
    const databaseUrls = await createDatabases(stack, specs)
    const databasesMs = Math.round(performance.now() - databasesFromMs)
    signal?.throwIfAborted()

    let fail: (error: Error) => void = () => {}
    const failed = new Promise<never>((_resolve, reject) => {
      fail = reject
      void stack.failed.then((sentence) => reject(new TroupeError('TROUPE_SERVICE_DIED', sentence)))
    })
    // Whoever awaits it hears of it; nobody has to.
    failed.catch(() => {})
    for (const { name, main } of specs) {
      const http = name === 'order' ? (options.addresses?.http ?? anyAddress) : anyAddress
      const environment = {
        KAFKA_BROKERS: stack.kafka.address,
        SCHEMA_REGISTRY_URL: stack.registry.url,
        DATABASE_URL: databaseUrls.get(name) ?? '',
        HTTP_ADDRESS: `${http.host.includes(':') ? `[${http.host}]` : http.host}:${http.port}`,
        TROUPE_LOG_LEVEL: logLevel,
        TROUPE_TOPIC_PARTITIONS: String(partitions),
      }
      processes.push(
        createServiceProcess({ name, main, environment, onDeath: fail, ...(onLine ? { onLine } : {}) }),
      )
    }
    await startAll(processes, signal, onProgress)
    const services = new Map(processes.map((one) => [one.name, one]))
    return {
      stack,
      services,
      databaseUrls,
      timings: {
        kafkaMs: stack.timings.kafkaMs,
        registryMs: stack.timings.registryMs,
        postgresMs: stack.timings.postgresMs,
        stackMs: stack.timings.totalMs,
        databasesMs,
        serviceMs: Object.fromEntries(processes.map(({ name, startMs }) => [name, startMs ?? 0])),
        totalMs: Math.round(performance.now() - sinceMs),
      },
      failed,
      urlOf: (name) => found(services, name).url ?? notFound(name),
      stopService: (name) => found(services, name).stop(),
      startService: async (name) => {
        if (stopped)
          throw new TroupeError('TROUPE_STOPPED', `The ecosystem was stopped, so ${name} stays stopped.`)
        await found(services, name).start()
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function createDatabases(
  stack: EmbeddedStack,
  specs: readonly ServiceSpec[],
): Promise<ReadonlyMap<string, string>> {
  const urls = new Map<string, string>()
  // One after the other: PostgreSQL copies one template at a time.
  for (const { name } of specs) urls.set(name, await stack.postgres.createDatabase({ name }))
  return urls
}

async function startAll(
  processes: readonly ServiceProcess[],
  signal: AbortSignal | undefined,
  onProgress: EcosystemOptions['onProgress'],
): Promise<void> {
  const calledOff = new Promise<never>((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
  const starts = processes.map(async (one) => {
    await one.start()
    onProgress?.(one.name, one.startMs ?? 0)
  })
  await Promise.race([Promise.all(starts), calledOff])
}

async function stopAll(processes: readonly ServiceProcess[], stack: EmbeddedStack): Promise<void> {
  try {
    await Promise.all(processes.map((one) => one.stop()))
  } finally {
    await stack.stop()
  }
}

function found(services: ReadonlyMap<string, ServiceProcess>, name: string): ServiceProcess {
  return services.get(name) ?? notFound(name)
}

function notFound(name: string): never {
  throw new TroupeError('TROUPE_SERVICE_NOT_FOUND', `There is no running service named ${name} here.`)
}
