import { type Service, TroupeError } from '@troupe/core'
import type { EmbeddedStack } from '@troupe/embedded'
import { createService, type RunningService, type Settings } from '@troupe/runtime'
import type { HarnessLog } from './harness-log.ts'

/** The services of a harness, each with a database of its own. */
export interface Company {
  start(): Promise<void>
  stop(): Promise<void>
  get(name: string): RunningService
  startOne(name: string): Promise<void>
  stopOne(name: string): Promise<void>
  running(): readonly RunningService[]
}

export function createCompany(
  services: readonly Service[],
  stack: EmbeddedStack,
  { log, partitions }: { readonly log: HarnessLog; readonly partitions: number },
): Company {
  const databases = new Map<string, Promise<string>>()
  const running = new Map<string, RunningService>()

  async function settingsOf(name: string): Promise<Settings> {
    const database = databases.get(name) ?? stack.postgres.createDatabase({ name })
    databases.set(name, database)
    return {
      kafkaBrokers: [stack.kafka.address],
      registryUrl: stack.registry.url,
      databaseUrl: await database,
      http: undefined,
      logLevel: 'silent',
      topicPartitions: partitions,
      topicReplication: 1,
      startTimeoutMs: 20_000,
      stopTimeoutMs: 5_000,
      eventBytesMax: 900_000,
      performTimeoutMs: 30_000,
      sessionTimeoutMs: 10_000,
      isStoppedWithParent: false,
    }
  }

  async function startOne(name: string): Promise<void> {
    const service = services.find((one) => one.name === name)
    if (!service) unknown(name)
    if (running.has(name)) return
    const started = createService(service, await settingsOf(name), { log })
    running.set(name, started)
    await started.start()
  }

  async function stopOne(name: string): Promise<void> {
    const one = running.get(name)
    running.delete(name)
    await one?.stop()
  }

  function unknown(name: string): never {
    throw new TroupeError(
      'TROUPE_DECLARATION_INVALID',
      `No service ${name} in this harness. It has: ${services.map((one) => one.name).join(', ')}.`,
    )
  }

  return {
    start: async () => void (await Promise.all(services.map(({ name }) => startOne(name)))),
    async stop() {
      await Promise.all([...running.keys()].map(stopOne))
    },
    get: (name) => running.get(name) ?? unknown(name),
    startOne,
    stopOne,
    running: () => [...running.values()],
  }
}
