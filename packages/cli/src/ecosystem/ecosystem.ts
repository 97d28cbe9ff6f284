// The embedded stack and services on it, each service a process of its own.
//
// Invariants
// 1. Each service has a database of its own and a role that can reach no other.
// 2. Stopping goes against the stream: the services first, all at once, then the stack they speak to.
// 3. What was started when a start fails is stopped before the failure is reported.

import { type EmbeddedStack, startStack } from '@troupe/embedded'
import { messageOf, TroupeError } from '@troupe/core'
import type { Address } from './address.ts'
import { type Company, createCompany } from './company.ts'
import type { ServiceLine } from './log-lines.ts'
import type { ServiceProcess } from './service-process.ts'
import { type ServiceSpec, storyServices } from './service-main.ts'
import { stackAddresses } from './stack-addresses.ts'

export interface EcosystemOptions {
  /** Keeps all data in this folder; nothing is kept unless given. */
  readonly dir?: string
  /** Where to listen: any free port of the loopback interface unless given. `http` is the order service's. */
  readonly addresses?: Partial<Record<'kafka' | 'registry' | 'postgres' | 'http', Address>>
  /** Partitions of topics whose service declares no number. Default 3. */
  readonly partitions?: number
  /** Of all topics, groups and subjects. Default: none. */
  readonly namespace?: string
  /** Services serve their admin API under this token. Default: they serve none. */
  readonly adminToken?: string
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
  /** A service's database, by its name. They are made, and the services started, beside each other. */
  readonly databaseMs: Readonly<Record<string, number>>
  readonly serviceMs: Readonly<Record<string, number>>
  readonly totalMs: number
}

/** A running ecosystem. */
export interface Ecosystem {
  readonly stack: EmbeddedStack
  /** By name. */
  readonly services: ReadonlyMap<string, ServiceProcess>
  /** Payment's gateway, which is somebody else's in the story; undefined where payment does not run. */
  readonly gateway: ServiceProcess | undefined
  /** By service; with passwords. */
  readonly databaseUrls: ReadonlyMap<string, string>
  readonly timings: EcosystemTimings
  /** Rejects as soon as a service or a part of the stack ends although nobody stopped it; else stays pending. */
  readonly failed: Promise<never>
  /** The HTTP address of a service, or of the `gateway`. @throws TroupeError `TROUPE_SERVICE_NOT_FOUND` */
  readonly urlOf: (service: string) => string
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
  const specs = options.services ?? storyServices()
  const sinceMs = performance.now()
  const stack = await startStack({
    ...stackAddresses(options.addresses ?? {}),
    ...(options.dir === undefined ? {} : { dir: options.dir }),
    ...(options.onStackLine ? { log: options.onStackLine } : {}),
  })
  options.onProgress?.('stack', stack.timings.totalMs)
  const failure = failureOf(stack)
  const company = createCompany(stack, options, failure.fail)
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= stopBoth(company, stack)
    return stopped
  }
  try {
    await unlessAborted(company.start(specs), signal)
  } catch (error) {
    await stop()
    throw error
  }
  const { kafkaMs, registryMs, postgresMs, totalMs: stackMs } = stack.timings
  const totalMs = Math.round(performance.now() - sinceMs)
  return {
    stack,
    services: new Map(specs.map(({ name }) => [name, company.get(name)])),
    databaseUrls: new Map(specs.map(({ name }) => [name, company.databaseUrls.get(name) ?? ''])),
    timings: { kafkaMs, registryMs, postgresMs, stackMs, ...company.timings(), totalMs },
    failed: failure.failed,
    gateway: company.gateway,
    urlOf: (name) => (name === 'gateway' ? company.gateway : company.get(name))?.url ?? '',
    stopService: (name) => company.get(name).stop(),
    async startService(name) {
      if (stopped) {
        throw new TroupeError('TROUPE_STOPPED', `The ecosystem was stopped, so ${name} stays stopped.`)
      }
      await company.get(name).start()
    },
    stop,
  }
}

async function stopBoth(company: Company, stack: EmbeddedStack): Promise<void> {
  try {
    await company.stop()
  } finally {
    await stack.stop()
  }
}

/** A promise that rejects with the first part that fails, and how a service says that it did. */
function failureOf(stack: EmbeddedStack): {
  readonly failed: Promise<never>
  readonly fail: (error: Error) => void
} {
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject
  })
  // Whoever awaits it hears of it; nobody has to.
  failed.catch(() => {})
  void stack.failed.then((cause) => fail(new TroupeError('TROUPE_SERVICE_DIED', messageOf(cause), { cause })))
  return { failed, fail }
}

async function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return work
  let giveUp: () => void = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    giveUp = () => reject(signal.reason as Error)
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp, { once: true })
  })
  try {
    await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
