import { type Service, TroupeError } from '@troupe/core'
import { createService, type RunningService, type Settings } from '@troupe/runtime'
import type { HarnessLog } from './harness-log.ts'
import { kafkaAccess } from './stack/kafka-access.ts'
import type { Stack } from './stack/stack.ts'

/** The services of a harness, each with a database of its own. */
export interface Company {
  /** Makes the databases; starts the services once the topics are there as well. */
  start(topicsMade: Promise<void>): Promise<void>
  /** Stops what runs; the first error is thrown once all have been stopped. */
  stop(): Promise<void>
  get(name: string): RunningService
  startOne(name: string): Promise<void>
  stopOne(name: string): Promise<void>
  running(): readonly RunningService[]
  /** Names of the databases that were made. */
  databases(): readonly string[]
}

/** All attempts at an event that fails are over in a fifth of a second. */
const retryDelayScale = 0.001

export function createCompany(
  services: readonly Service[],
  stack: Stack,
  {
    log,
    partitions,
    checksPurity,
    deadlinesMs,
    adminToken,
    namespace,
  }: {
    readonly log: HarnessLog
    readonly partitions: number
    readonly checksPurity: boolean
    readonly deadlinesMs: Readonly<Record<string, number>>
    readonly adminToken?: string | undefined
    readonly namespace?: string
  },
): Company {
  const databases = new Map<string, Promise<string>>()
  const running = new Map<string, RunningService>()

  /** PostgreSQL cuts names off after 63 bytes: the number keeps those apart that begin alike. */
  function databaseNameOf(name: string): string {
    if (namespace === undefined) return name
    const number = services.findIndex((one) => one.name === name) + 1
    return `${namespace}_${number}_${name}`.slice(0, 63)
  }

  /** Each service is told of its own. */
  function deadlinesOf(name: string): Readonly<Record<string, number>> {
    const own = services.find((one) => one.name === name)?.deadlines ?? []
    return Object.fromEntries(
      Object.entries(deadlinesMs).filter(([type]) => own.some(({ emit }) => emit.type === type)),
    )
  }

  async function settingsOf(name: string): Promise<Settings> {
    const databaseName = databaseNameOf(name)
    const database = databases.get(databaseName) ?? stack.postgres.createDatabase({ name: databaseName })
    databases.set(databaseName, database)
    return {
      kafkaBrokers: kafkaAccess(stack).brokers,
      kafkaTls: stack.kafka.tls,
      kafkaSasl: stack.kafka.sasl,
      namespace,
      registryUrl: stack.registry.url,
      databaseUrl: await database,
      http: undefined,
      admin: adminToken === undefined ? undefined : { host: '127.0.0.1', port: 0, token: adminToken },
      logLevel: 'silent',
      topicPartitions: partitions,
      topicReplication: 1,
      startTimeoutMs: 60_000,
      stopTimeoutMs: 5_000,
      eventBytesMax: 900_000,
      unknownSchemaWaitMs: 500,
      retry: { delayScale: retryDelayScale },
      performTimeoutMs: 30_000,
      sessionTimeoutMs: 10_000,
      checksPurity,
      deadlinesMs: deadlinesOf(name),
      isStoppedWithParent: false,
    }
  }

  async function startOne(name: string, topicsMade?: Promise<void>): Promise<void> {
    const service = services.find((one) => one.name === name)
    if (!service) unknown(name)
    if (running.has(name)) return
    const [settings] = await Promise.all([settingsOf(name), topicsMade])
    const started = createService(service, settings, { log })
    running.set(name, started)
    try {
      await started.start()
    } catch (error) {
      // It has let go of everything by itself, and may be started again.
      if (running.get(name) === started) running.delete(name)
      throw error
    }
  }

  async function stopOne(name: string): Promise<void> {
    const one = running.get(name)
    if (!one && !services.some((service) => service.name === name)) unknown(name)
    running.delete(name)
    await one?.stop()
  }

  function unknown(name: string): never {
    throw new TroupeError(
      'TROUPE_DECLARATION_INVALID',
      `No service ${name} in this harness. It has: ${services.map((one) => one.name).join(', ')}.`,
    )
  }

  function get(name: string): RunningService {
    const one = running.get(name)
    if (one) return one
    if (!services.some((service) => service.name === name)) unknown(name)
    throw new TroupeError(
      'TROUPE_STOPPED',
      `The service ${name} of this harness is stopped. Start it with startService.`,
    )
  }

  return {
    start: async (topicsMade) =>
      void (await Promise.all(services.map(({ name }) => startOne(name, topicsMade)))),
    async stop() {
      const ends = await Promise.allSettled([...running.keys()].map(stopOne))
      const failed = ends.find((end) => end.status === 'rejected')
      if (failed) throw failed.reason
    },
    get,
    startOne: (name) => startOne(name),
    stopOne,
    running: () => [...running.values()],
    databases: () => [...databases.keys()],
  }
}
