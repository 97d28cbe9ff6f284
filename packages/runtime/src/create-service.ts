// One running service: the only place where all rooms meet.
//
// | state    | start()                       | stop()                                    | readiness |
// |----------|-------------------------------|-------------------------------------------|-----------|
// | new      | starting                      | stopped                                   | no        |
// | starting | (the same promise)            | stopping, once the start has ended        | no        |
// | joining  | (the same promise)            | stopping, once the start has ended        | if all dependencies answer |
// | running  | (the same promise)            | stopping                                  | if all dependencies answer |
// | stopping | refused                       | (the same promise)                        | no        |
// | stopped  | refused                       | (the same promise)                        | no        |
//
// Joining the consumer group may take as long as the group waits for a member that died. Commands do
// not need the group: a service that is joining takes them.
//
// Stopping goes against the stream: no new commands, no new events, what is under way is settled, what
// is settled is published, what is published is deleted, and only then are connections closed.

import { createCodec } from '@troupe/avro'
import { commandLane, laneOf, type Log, type Service, TroupeError } from '@troupe/core'
import { connectKafka, createReceiver, createRelay, ensureTopics } from '@troupe/kafka'
import { postgresLedger } from '@troupe/postgres'
import { createDecider } from './decider.ts'
import { createDependencies, type DependencyName, dependencyNames } from './dependencies.ts'
import type { Settings } from './environment.ts'
import { type HttpServer, serveHttp } from './http.ts'
import { deriveId } from './ids.ts'
import { createLocks } from './locks.ts'
import { claimPartition, publishLeftovers } from './partition.ts'
import {
  isOpen,
  type Progress,
  type Routes,
  type RunningService,
  type ServiceState,
} from './running-service.ts'
import { settle } from './settle.ts'
import { allOrFirstRefusal, insistUntil, whereIs } from './starting.ts'
import { createSweeper } from './sweeper.ts'

const batchEventsMax = 500
const performsMax = 64
const performAttemptsMax = 5
const commandsWaitingMax = 10_000
/** How long published records may stay in an idle service's outbox. */
const outboxIdleMs = 200
/** One attempt at a dependency while the service starts; the start as a whole has `startTimeoutMs`. */
const attemptTimeoutMs = 3_000
const forgetTimeoutMs = 2_000

export interface ServiceOptions {
  readonly log: Log
  /** Registers the service's own routes beside the health checks. */
  readonly routes?: Routes
}

/** Creates a service, unconnected. */
export function createService(
  service: Service,
  settings: Settings,
  { log, routes }: ServiceOptions,
): RunningService {
  const now = Date.now
  const callOff = new AbortController()
  const dependencies = createDependencies({ log, now })
  const ledger = postgresLedger({ url: settings.databaseUrl, log })
  const codec = createCodec({ registryUrl: settings.registryUrl, log })
  const kafka = connectKafka({ clientId: `troupe-${service.name}`, brokers: settings.kafkaBrokers }, log)
  const relay = createRelay({ connection: kafka, log })
  const sweeper = createSweeper(forgetPublished, outboxIdleMs)
  const base = {
    ledger,
    relay,
    sweeper,
    dependencies,
    locks: createLocks(),
    signal: callOff.signal,
    service,
    codec,
    log,
    now,
  }
  const deciding = {
    service: service.name,
    deriveId,
    encode: codec.encode,
    eventBytesMax: settings.eventBytesMax,
  }
  const decider = createDecider({
    ...base,
    deciding,
    batchCommandsMax: batchEventsMax,
    waitingMax: commandsWaitingMax,
  })
  const heardTopics = [...new Set(service.hears.map(({ topic }) => topic))]
  const receiver = createReceiver({
    connection: kafka,
    groupId: service.name,
    topics: heardTopics,
    log,
    tuning: { sessionTimeoutMs: settings.sessionTimeoutMs },
    assign: (place) =>
      claimPartition(place, {
        ...base,
        deciding,
        batchEventsMax,
        performsMax,
        performAttemptsMax,
        onReached: (next) => reached.set(laneOf(place), { ...place, next }),
      }),
  })
  const reached = new Map<string, Progress>()
  let state: ServiceState = 'new'
  let started: Promise<void> | undefined
  let stopped: Promise<void> | undefined
  let http: HttpServer | undefined

  const running: RunningService = {
    service,
    get httpUrl() {
      return http?.url
    },
    start() {
      if (state === 'stopping' || state === 'stopped') {
        return Promise.reject(
          new TroupeError('TROUPE_STOPPED', `${service.name} was stopped. Create it anew to start it again.`),
        )
      }
      started ??= start()
      return started
    },
    stop() {
      stopped ??= stop()
      return stopped
    },
    status() {
      const states = dependencies.states()
      const isReady = isOpen(state) && dependencyNames.every((name) => states[name].state === 'up')
      return { state, isReady, dependencies: states }
    },
    async progress() {
      await relay.drained()
      return [...reached.values()]
    },
    decide: (command, input, options) => decider.decide(command, input, options),
    async read(ref) {
      const stored = await ledger.document(ref)
      return stored ? ref.document.parse(stored.state, ref.key) : ref.document.initial(ref.key)
    },
    async list(type, { after, limit = 100 } = {}) {
      const stored = await ledger.documents(type.kind, { limit, ...(after === undefined ? {} : { after }) })
      return stored.map(({ key, state: body }) => ({ key, state: type.parse(body, key) }))
    },
  }

  async function start(): Promise<void> {
    state = 'starting'
    const sinceMs = now()
    if (settings.http) http = await serveHttp(running, settings.http, { log, ...(routes ? { routes } : {}) })
    const deadline = AbortSignal.timeout(settings.startTimeoutMs)
    const need = <T>(name: DependencyName, doing: string, attempt: () => Promise<T>) =>
      insistUntil(deadline, callOff.signal, dependencies, {
        name,
        doing,
        attempt,
        sinceMs,
        where: whereIs(name, settings),
      })
    await allOrFirstRefusal([
      need('database', 'prepare the ledger', () => ledger.migrate()),
      need('registry', 'register the schemas', () => codec.register(service.says)),
      need('kafka', 'prepare the topics', () =>
        ensureTopics(kafka, topicsOf(service, settings), { timeoutMs: attemptTimeoutMs }),
      ),
    ])
    await need('kafka', 'start publishing', () => relay.start())
    await publishLeftovers(commandLane, base)
    enter('joining', 'starting')
    if (heardTopics.length > 0) await need('kafka', 'join the consumer group', () => receiver.start())
    enter('running', 'joining')
    log.info(
      { service: service.name, startMs: now() - sinceMs, http: http?.url },
      `${service.name} is running`,
    )
  }

  function enter(next: ServiceState, before: ServiceState): void {
    if (state !== before)
      throw new TroupeError('TROUPE_STOPPED', `${service.name} was stopped while it started.`)
    state = next
  }

  async function stop(): Promise<void> {
    const was = state
    state = 'stopping'
    const grace = setTimeout(() => callOff.abort(), settings.stopTimeoutMs).unref()
    try {
      if (was === 'starting' || was === 'joining') {
        callOff.abort()
        await started?.catch(() => {})
      }
      await http?.close()
      await decider.stop()
      await receiver.stop({ graceMs: settings.stopTimeoutMs })
      await relay.stop({ graceMs: settings.stopTimeoutMs })
      sweeper.stop()
      if (was === 'running') await forgetPublished()
    } finally {
      clearTimeout(grace)
      callOff.abort()
      await ledger.close()
      state = 'stopped'
      log.info({ service: service.name }, `${service.name} has stopped`)
    }
  }

  /** Deletes from the outbox what Kafka has acknowledged, where no next write does it. */
  async function forgetPublished(): Promise<void> {
    try {
      await settle(nothing, { ...base, signal: AbortSignal.timeout(forgetTimeoutMs) })
    } catch (error) {
      // They are published again after the next start, under the same ids.
      log.debug({ err: error }, 'published events stay in the outbox for now')
    }
  }

  return running
}

const nothing = { position: undefined, inbox: [], documents: [], steps: [], answers: [], outbox: [] } as const

function topicsOf(service: Service, { topicPartitions, topicReplication }: Settings) {
  const topics = new Set([service.topic, service.deadLetterTopic, ...service.hears.map(({ topic }) => topic)])
  return [...topics].map((topic) => ({
    topic,
    partitions: topicPartitions,
    replicationFactor: topicReplication,
  }))
}
