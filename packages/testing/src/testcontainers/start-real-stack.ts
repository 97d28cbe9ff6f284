// Apache Kafka, a Schema Registry and PostgreSQL in containers, as one stack.
//
// Invariants
// 1. All three start beside each other; if one fails, what the others started is stopped before the error
//    is thrown, the first one in time.
// 2. What `stop` does not end, because it never came to that, Testcontainers' reaper ends: soon after this
//    process is gone, however it went. With `reuse` neither of them ends anything.

import { checkedFields, type FieldChecks, fieldIs, TroupeError } from '@troupe/core'
import { addressVariables } from '../stack/choose-stack.ts'
import { stackAt, type StackAddresses } from '../stack/connect-stack.ts'
import type { Stack } from '../stack/stack.ts'
import { dockerProblem } from './docker-problem.ts'
import { type PartOptions, partOf } from './images.ts'
import type { PostgresPartOptions } from './postgres.ts'

export interface RealStackOptions {
  /** `confluentinc/cp-kafka:…` or `apache/kafka:…`. */
  readonly kafka?: PartOptions
  /** An image of Apicurio Registry. */
  readonly registry?: PartOptions
  /** An image of PostgreSQL, 15 or newer. */
  readonly postgres?: PostgresPartOptions
  /**
   * Leaves the containers running, for the next start with the same options to find them: a start then takes
   * half a second. Remove them by their label, `troupe.reused`. Default: false, or true if `TROUPE_STACK_REUSE` is 1.
   */
  readonly reuse?: boolean
  /** What happens, for a person. */
  readonly log?: (message: string) => void
}

/** A stack in containers of its own. */
export interface RealStack extends Stack {
  /** Each part's address, the administrator's for PostgreSQL, with its password. */
  readonly addresses: StackAddresses
  /** The environment variables with which other processes find this stack; see `TROUPE_STACK=external`. */
  readonly environment: Readonly<Record<string, string>>
  readonly timings: {
    readonly kafkaMs: number
    readonly registryMs: number
    readonly postgresMs: number
    readonly totalMs: number
  }
}

/** What one part hands over once it runs. */
export interface StartedPart {
  readonly address: string
  stop(): Promise<void>
}

const { ifGiven } = fieldIs
const partChecks: FieldChecks<PartOptions> = { image: ifGiven(fieldIs.text) }
const checks: FieldChecks<RealStackOptions> = {
  kafka: ifGiven(fieldIs.of(partChecks)),
  registry: ifGiven(fieldIs.of(partChecks)),
  postgres: ifGiven(fieldIs.of<PostgresPartOptions>({ ...partChecks, fsync: ifGiven(fieldIs.switch) })),
  reuse: ifGiven(fieldIs.switch),
  log: ifGiven(fieldIs.function),
}

/**
 * Starts the stack.
 *
 * @throws TroupeError `TROUPE_DECLARATION_INVALID` for an option that is none, or of another kind;
 *   `TROUPE_STACK_UNAVAILABLE` if there is no Docker engine, no image, or a container that
 *   does not come up; the message says which, why, and what to do
 */
export async function startRealStack(given: RealStackOptions = {}): Promise<RealStack> {
  const options = checkedFields(given, checks, 'the options object of `startRealStack`')
  const problem = await dockerProblem()
  if (problem) throw new TroupeError('TROUPE_STACK_UNAVAILABLE', problem.message, { cause: problem.cause })
  // Loaded only now: the modules import Testcontainers, which may not be installed.
  const [{ startKafka }, { startRegistry }, { startPostgres }] = await Promise.all([
    import('./kafka.ts'),
    import('./registry.ts'),
    import('./postgres.ts'),
  ])
  const { reuse = process.env.TROUPE_STACK_REUSE === '1', log = () => {} } = options
  const startedAtMs = performance.now()
  const running: StartedPart[] = []
  let failure: { readonly error: unknown } | undefined
  const timed = async (key: keyof typeof addressVariables, start: typeof startKafka) => {
    const part = partOf(key, options[key])
    try {
      const started = await start(part, { reuse, ...options[key] })
      running.push(started)
      const ms = Math.round(performance.now() - startedAtMs)
      log(`${part.name} runs from ${part.image} after ${ms} ms`)
      return { address: started.address, ms }
    } catch (error) {
      failure ??= { error }
      return { address: '', ms: 0 }
    }
  }
  const [kafka, registry, postgres] = await Promise.all([
    timed('kafka', startKafka),
    timed('registry', startRegistry),
    timed('postgres', startPostgres),
  ])
  const stopAll = async () => {
    if (!reuse) await Promise.all(running.map((part) => part.stop()))
  }
  if (failure) {
    await stopAll().catch(() => {})
    throw failure.error
  }
  const addresses = { kafka: kafka.address, registry: registry.address, postgres: postgres.address }
  let stopped: Promise<void> | undefined
  return {
    ...stackAt(addresses),
    addresses,
    environment: {
      TROUPE_STACK: 'external',
      [addressVariables.kafka]: addresses.kafka,
      [addressVariables.registry]: addresses.registry,
      [addressVariables.postgres]: addresses.postgres,
    },
    timings: {
      kafkaMs: kafka.ms,
      registryMs: registry.ms,
      postgresMs: postgres.ms,
      totalMs: Math.round(performance.now() - startedAtMs),
    },
    stop: () => (stopped ??= stopAll()),
  }
}
