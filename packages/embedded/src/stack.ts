// The three parts as one: started together, stopped together, in one folder if it is to be kept.
import { join } from 'node:path'
import { messageOf } from './embedded-error.ts'
import { startBroker, type Broker, type BrokerOptions } from './kafka/broker.ts'
import { startPostgres, type EmbeddedPostgres, type PostgresOptions } from './postgres/start.ts'
import { startRegistry, type EmbeddedRegistry, type RegistryOptions } from './registry/server.ts'
import type { EmbeddedLog } from './stack/log.ts'
import { openFolder } from './stack/open-folder.ts'

export interface StackOptions {
  /** Options of the parts; `dir` and `log` come from the stack. */
  kafka?: Omit<BrokerOptions, 'dir' | 'log'>
  registry?: Omit<RegistryOptions, 'dir' | 'log'>
  postgres?: Omit<PostgresOptions, 'dir' | 'log'>
  /** Keeps what all three hold in this folder; nothing is kept unless given. */
  dir?: string
  /** What happens to the parts, for a person. */
  log?: EmbeddedLog
}

/** How long each part took to start, and all three beside each other. */
export interface StackTimings {
  kafkaMs: number
  registryMs: number
  postgresMs: number
  totalMs: number
}

/** A running stack. */
export interface EmbeddedStack {
  readonly kafka: Broker
  readonly registry: EmbeddedRegistry
  readonly postgres: EmbeddedPostgres
  readonly timings: StackTimings
  /** Resolves with a sentence when a part ends although nobody stopped it; stays pending otherwise. */
  readonly failed: Promise<string>
  /** Stops the clients' way in first and the database last. Harmless when called twice. */
  stop(): Promise<void>
}

/**
 * Starts Kafka, a Schema Registry and PostgreSQL beside each other.
 * @throws EmbeddedError, or the broker's error; what had started by then is stopped.
 */
export async function startStack(options: StackOptions = {}): Promise<EmbeddedStack> {
  const { dir, log = () => {} } = options
  const opened = dir === undefined ? undefined : openFolder(dir)
  const placed = (name: string) => (opened ? { dir: join(opened.folder, name), log } : { log })
  const startedAt = performance.now()
  const timed = async <T>(start: Promise<T>): Promise<{ part: T; ms: number }> => ({
    part: await start,
    ms: Math.round(performance.now() - startedAt),
  })
  const [kafka, registry, postgres] = await Promise.allSettled([
    timed(startBroker({ ...options.kafka, ...placed('kafka') })),
    timed(startRegistry({ ...options.registry, ...placed('registry') })),
    timed(startPostgres({ ...options.postgres, ...placed('postgres') })),
  ])
  const release = () => opened?.lock.release()
  if (kafka.status === 'rejected' || registry.status === 'rejected' || postgres.status === 'rejected') {
    const outcomes = [kafka, registry, postgres]
    const stops = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.part] : []))
    await stopAll(stops, log).finally(release)
    throw outcomes.find((outcome) => outcome.status === 'rejected')?.reason
  }
  const parts = { kafka: kafka.value.part, registry: registry.value.part, postgres: postgres.value.part }
  let stopped: Promise<void> | undefined
  return {
    ...parts,
    timings: {
      kafkaMs: kafka.value.ms,
      registryMs: registry.value.ms,
      postgresMs: postgres.value.ms,
      totalMs: Math.round(performance.now() - startedAt),
    },
    failed: failureOf(parts.postgres),
    stop: () => {
      stopped ??= stopAll([parts.kafka, parts.registry, parts.postgres], log).finally(release)
      return stopped
    },
  }
}

/** Kafka and the registry live in this process; only PostgreSQL can end on its own. */
async function failureOf({ pid, exited }: EmbeddedPostgres): Promise<string> {
  const { expected, reason } = await exited
  if (expected) await new Promise<never>(() => {})
  return `PostgreSQL (process ${pid}) ended by itself: ${reason}. Stop the stack and start it again.`
}

/** One after the other, each even if one before it failed; the first failure is thrown at the end. */
async function stopAll(parts: readonly { stop(): Promise<void> }[], log: EmbeddedLog): Promise<void> {
  const failures: unknown[] = []
  for (const part of parts) {
    await part.stop().catch((error: unknown) => {
      log('error', `A part of the stack did not stop: ${messageOf(error)}`)
      failures.push(error)
    })
  }
  if (failures.length > 0) throw failures[0]
}
