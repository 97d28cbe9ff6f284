// One running service: the only place where all rooms meet.
//
// Stopping goes against the stream: no new commands, no new events, what is under way is settled, what
// is settled is published, what is published is deleted, and only then are connections closed. Each part
// of it gets its share of `stopTimeoutMs`; what has not ended by then is left to the next start.

import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { createCodec } from '@troupe/avro'
import { commandLane, laneOf, type Log, type Service, type TopicPartition } from '@troupe/core'
import { connectKafka, createReceiver, createRelay, onWire, type Receiver } from '@troupe/kafka'
import { postgresLedger } from '@troupe/postgres'
import { linked, shared } from './abort.ts'
import { watchBackPressure } from './back-pressure.ts'
import { databaseAccess, kafkaSettings, prepareTopics, registryAccess } from './connecting.ts'
import { createDecider } from './decider.ts'
import { createBlocking } from './blocking.ts'
import { createDependencies, type DependencyName } from './dependencies.ts'
import { retentionHours, type Settings } from './environment.ts'
import { createRetention } from './retention.ts'
import { type HttpServer, serveHttp } from './http.ts'
import { forgetPublished, sweepOutbox } from './forget.ts'
import { deriveId } from './ids.ts'
import { createLookout, publishLeftovers } from './leftovers.ts'
import { createLifecycle } from './lifecycle.ts'
import { createLocks } from './locks.ts'
import { claimPartition } from './partition.ts'
import { createMetrics } from './metrics.ts'
import { sayPassedOver } from './passed-over.ts'
import { probesOf } from './probes.ts'
import { createPulse } from './pulse.ts'
import { isOpen, type Progress, type Routes, type RunningService } from './running-service.ts'
import { createSchemaKeeping } from './schema-keeping.ts'
import type { Work } from './settle.ts'
import { createSparingLog } from './sparing-log.ts'
import { allOrFirstRefusal, insistUntil, whereIs } from './starting.ts'
import { letGoInOrder } from './stopping.ts'
import type { Stage } from './stages.ts'
import { createSweeper } from './sweeper.ts'
import { createTracing } from './tracing.ts'

const batchEventsMax = 500
const performsMax = 64
const performAttemptsMax = 5
const commandsWaitingMax = 10_000
const outboxLimits = {
  eventsMax: 10_000,
  eventsBytesMax: 32 * 1024 * 1024,
  commandsMax: 20_000,
  commandsBytesMax: 64 * 1024 * 1024,
}
const backPressureEveryMs = 1_000
/** Between two portions, and between two walks through all of what may be forgotten. */
const retentionPace = { everyMs: 1_000, restMs: 600_000 }
/** How long published records may stay in an idle service's outbox. */
const outboxIdleMs = 200
const forgetTimeoutMs = 2_000
/** How long the position of a topic may stay behind in which nothing concerns the service. */
const passedKeptAfterMs = 10_000
/** Events that nobody publishes are found when they are this old, at the latest twice this. */
const staleAfterMs = 30_000
const pulseEveryMs = 2_000
/** One attempt at a dependency while the service starts; the start as a whole has `startTimeoutMs`. */
const attemptTimeoutMs = 3_000
/** How long an event waits for a schema that the registry does not have. */
const unknownSchemaWaitMsDefault = 30_000

export interface ServiceOptions {
  readonly log: Log
  /** Registers the service's own routes beside the health checks. */
  readonly routes?: Routes
}

/**
 * Creates a service, unconnected.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID`
 */
export function createService(
  service: Service,
  settings: Settings,
  { log, routes }: ServiceOptions,
): RunningService {
  const now = Date.now
  const callOff = new AbortController()
  const stopping = new AbortController()
  const signal = shared(callOff.signal)
  shared(stopping.signal)
  const dependencies = createDependencies({ log, now })
  const registry = registryAccess(settings)
  const within = settings.namespace === undefined ? {} : { namespace: settings.namespace }
  const ledger = postgresLedger({ ...databaseAccess(settings), log })
  const { unknownSchemaWaitMs = unknownSchemaWaitMsDefault } = settings
  const codec = createCodec({ ...registry, ...within, unknownSchemaWaitMs, timeoutMs: attemptTimeoutMs, log })
  const schemas = createSchemaKeeping({ service, codec, ledger, log, now })
  const sparingLog = createSparingLog(log)
  const connection = connectKafka(kafkaSettings(service, settings), log)
  const tracing = createTracing({
    service: service.name,
    deadLetterTopic: service.deadLetterTopic,
    consumerGroup: onWire(connection, service.name),
    onWire: (topic) => onWire(connection, topic),
  })
  const relay = createRelay({
    connection,
    log,
    tuning: { queueRecordsMax: outboxLimits.eventsMax, queueBytesMax: outboxLimits.eventsBytesMax },
    onAcknowledged: (afterMs) => onStage('relay', afterMs / 1_000),
    ...(tracing ? { around: tracing.sending } : {}),
  })
  const backPressure = watchBackPressure({
    relay,
    limits: outboxLimits,
    log,
    now,
    everyMs: backPressureEveryMs,
  })
  // In no trace, although its timer is set while something is settled in one.
  const sweep = () => sweepOutbox(settling, forgetTimeoutMs)
  const sweeper = createSweeper(() => context.with(ROOT_CONTEXT, sweep), outboxIdleMs)
  const locks = createLocks()
  const settling = { ledger, relay, sweeper, dependencies, locks, signal, log, onSettled, onStage, tracing }
  const deciding = {
    service: service.name,
    deriveId,
    encode: codec.encode,
    schemaNameOf: codec.schemaNameOf,
    eventBytesMax: settings.eventBytesMax,
  }
  const decider = createDecider({
    ...settling,
    service,
    deciding,
    now,
    batchCommandsMax: batchEventsMax,
    waitingMax: commandsWaitingMax,
    outboxLimits,
  })
  const blocking = createBlocking({
    log,
    clock: () => performance.now(),
    onBlocked: (reaction, seconds) => metrics.meter.blocked(reaction, seconds),
  })
  const heardTopics = [...new Set(service.hears.map(({ topic }) => topic))]
  const reached = new Map<string, Progress>()
  const assign = (place: TopicPartition) =>
    claimPartition(place, {
      ...settling,
      service,
      codec,
      sparingLog,
      deciding,
      blocking,
      now,
      batchEventsMax,
      performsMax,
      performAttemptsMax,
      performTimeoutMs: settings.performTimeoutMs,
      passedKeptAfterMs,
      stopping: stopping.signal,
      onTook: (seconds) => metrics.meter.tookSeconds(seconds),
      onReached: (next) => reached.set(laneOf(place), { ...place, next }),
      onReleased: () => reached.delete(laneOf(place)),
      onPassedOver: (why, record) => {
        metrics.meter.passedOver(why)
        sayPassedOver(why, record, { service, sparingLog })
      },
      onWaitingForSchema: (isWaiting) => metrics.meter.waitingForSchema(isWaiting),
    })
  const tuning = { sessionTimeoutMs: settings.sessionTimeoutMs }
  const { onDataLoss } = settings
  const receiving = {
    connection,
    groupId: service.name,
    topics: heardTopics,
    log,
    tuning,
    assign,
    onDataLoss,
  }
  // A service that hears nothing only decides on commands.
  const receiver = heardTopics.length > 0 ? createReceiver(receiving) : undefined
  const metrics = createMetrics({
    service,
    consumerGroup: onWire(connection, service.name),
    onWire: (topic) => onWire(connection, topic),
    dependencies,
    relay,
    backPressure,
    receiver,
    schemas,
    now,
  })
  const probes = probesOf({ ledger, receiver, relay, connection, schemas })
  const pulse = createPulse({ dependencies, probes, everyMs: pulseEveryMs, log })
  const lookout = createLookout(settling, { everyMs: staleAfterMs, staleAfterMs })
  const retention = createRetention({
    ...retentionPace,
    ledger,
    log,
    retentionMs: {
      inbox: hoursInMs(settings.inboxRetentionHours),
      answers: hoursInMs(settings.answerRetentionHours),
    },
    onForgotten: (what, count) => metrics.meter.forgot(what, count),
  })
  let http: HttpServer | undefined

  const lifecycle = createLifecycle({
    name: service.name,
    start,
    callOff() {
      stopping.abort()
      callOff.abort()
    },
    async letGo(was) {
      stopping.abort()
      pulse.stop()
      lookout.stop()
      backPressure.stop()
      retention.stop()
      const parts = { http, decider, receiver, relay, sweeper, ledger }
      const canForget = was === 'running' || was === 'joining'
      const forget = canForget ? (timeoutMs: number) => forgetPublished(settling, timeoutMs) : undefined
      await letGoInOrder(parts, { callOff, forget, timeoutMs: settings.stopTimeoutMs, log })
      if (was !== 'new') log.info({}, `${service.name} has stopped`)
    },
  })

  const running: RunningService = {
    service,
    get httpUrl() {
      return http?.url
    },
    start: lifecycle.start,
    stop: lifecycle.stop,
    status() {
      const states = dependencies.states()
      const halted = haltedIn(receiver)
      const isUp = states.database.state === 'up' && states.kafka.state === 'up'
      const pressure = backPressure.state()
      const unregistered = schemas.unregistered()
      const isWritable = unregistered.every(({ state }) => state !== 'awaited')
      const isTaking = halted.length === 0 && pressure.holdsBack !== 'events and commands'
      return {
        state: lifecycle.state,
        isReady: isOpen(lifecycle.state) && isUp && isWritable && isTaking,
        halted,
        backPressure: pressure,
        dependencies: states,
        schemas: unregistered,
      }
    },
    async progress() {
      // In this order: what was emitted on the way to these positions has been handed to the relay.
      const snapshot = [...reached.values()]
      await relay.drained()
      return snapshot
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

  async function start(joining: () => void): Promise<void> {
    const sinceMs = now()
    const deadline = AbortSignal.timeout(settings.startTimeoutMs)
    const failing = new AbortController()
    const patience = linked(deadline, failing.signal, signal)
    const need = <T>(
      name: DependencyName,
      doing: string,
      attempt: () => Promise<T>,
      canDoWithout?: (error: unknown) => boolean,
    ) =>
      insistUntil({ signal: patience.signal, deadline }, dependencies, {
        name,
        doing,
        attempt,
        sinceMs,
        where: whereIs(name, settings),
        ...(canDoWithout ? { canDoWithout } : {}),
      })
    const register = () =>
      need('registry', 'register the schemas', schemas.register, schemas.canDoWithout).catch(goOnWithout)
    try {
      if (settings.http)
        http = await serveHttp(running, settings.http, {
          log,
          metrics,
          isTraced: tracing !== undefined,
          ...(routes ? { routes } : {}),
        })
      await allOrFirstRefusal(
        [
          need('database', 'prepare the ledger', async () => {
            await ledger.migrate()
            await schemas.recall()
          }),
          register(),
          need('kafka', 'prepare the topics', () =>
            prepareTopics(connection, service, settings, attemptTimeoutMs),
          ),
        ],
        () => failing.abort(),
      )
      await need('kafka', 'start publishing', () => relay.start())
      await need('kafka', 'publish what was left in the outbox', () =>
        publishLeftovers(commandLane, { ...settling, signal: patience.signal }),
      )
      joining()
      pulse.start()
      lookout.start()
      backPressure.start()
      retention.start()
      if (receiver) await need('kafka', 'join the consumer group', () => receiver.start())
    } finally {
      patience.unlink()
    }
    log.info({ startMs: now() - sinceMs, http: http?.url }, `${service.name} is running`)
  }

  function onStage(stage: Stage, seconds: number): void {
    metrics.meter.stageTook(stage, seconds)
  }

  /** The registry is away, and what the ledger remembers is enough to start with. */
  function goOnWithout(error: unknown): void {
    if (!schemas.canDoWithout(error)) throw error
    dependencies.report('registry', error)
    schemas.sayDoneWithout()
  }

  function onSettled(work: Work): void {
    metrics.meter.settled(work)
  }

  return running
}

/** Undefined: for ever. */
function hoursInMs(hours = retentionHours): number | undefined {
  return hours === 0 ? undefined : hours * 3_600_000
}

/** Partitions whose position Kafka does not have: their events wait for a person. */
function haltedIn(receiver: Receiver | undefined): readonly string[] {
  return (receiver?.state.partitions ?? []).filter(({ phase }) => phase === 'halted').map(laneOf)
}
