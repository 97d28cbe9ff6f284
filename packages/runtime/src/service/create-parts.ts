// What a running service is made of, made and wired, and not started.

import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import {
  type ClaimedTopic,
  laneOf,
  type Log,
  type Service,
  type TopicPartition,
  TroupeError,
} from '@troupe/core'
import { createReceiver, createRelay, type Receiver, type Relay } from '@troupe/kafka'
import { watchBackPressure } from '../batch/back-pressure.ts'
import { createBlocking } from '../observe/blocking.ts'
import { breakerDefaults, type Breakers, createBreakers } from '../calls/breaker.ts'
import { oneAtATime } from '../batch/one-at-a-time.ts'
import { createDecider } from '../batch/decider.ts'
import { deadLetterRetentionHoursDefault, retentionHours, type Settings } from '../settings/environment.ts'
import { createFiring } from '../loops/firing.ts'
import { sweepOutbox } from '../batch/forget.ts'
import { deriveId } from '../batch/ids.ts'
import { createKeptResults, type KeptResults } from '../calls/kept-results.ts'
import { createLookout } from '../batch/leftovers.ts'
import {
  backPressureEveryMs,
  batchMax,
  commandsWaitingMax,
  firingPace,
  forgetTimeoutMs,
  outboxIdleMs,
  outboxLimits,
  parkedLimitsDefault,
  passedKeptAfterMs,
  performAttemptsMax,
  performsMax,
  pulseEveryMs,
  resultsKeptAfterMs,
  retentionPace,
  retryEveryMs,
  retryEveryMsMin,
  retryRestMs,
  staleAfterMs,
  transactBatchMax,
} from '../settings/limits.ts'
import { createLocks } from '../batch/locks.ts'
import { createMetrics, type Meter } from '../observe/metrics.ts'
import { openRooms, type Rooms } from './open-rooms.ts'
import { elsewhere } from '../batch/elsewhere.ts'
import { claimPartition, type OpenPartition } from '../batch/partition.ts'
import { sayPassedOver } from '../batch/passed-over.ts'
import { probesOf } from '../observe/probes.ts'
import { createPulse } from './pulse.ts'
import { createCountLoop } from '../aside/count-loop.ts'
import { createRecountLoop } from '../aside/recount-loop.ts'
import { createRetention } from '../loops/retention.ts'
import { createRetryLoop } from '../aside/retry-loop.ts'
import { policiesOf } from '../aside/set-aside.ts'
import type { Progress } from './running-service.ts'
import type { SettleOptions } from '../batch/settle.ts'
import { createSparingLog } from '../observe/sparing-log.ts'
import { createSweeper } from './sweeper.ts'

export interface PartsOptions {
  readonly log: Log
  /** Aborted when what is under way has had its time. */
  readonly signal: AbortSignal
  /** Aborted when the service begins to stop. */
  readonly stopping: AbortSignal
}

export type ServiceParts = ReturnType<typeof createParts>

/** @throws TroupeError `TROUPE_SETTING_INVALID` */
export function createParts(service: Service, settings: Settings, { log, signal, stopping }: PartsOptions) {
  const rooms = openRooms(service, settings, log)
  const { dependencies, schemas, wireNames, now } = rooms
  // Of what is made below: nobody measures before all is made.
  const meter = () => metrics.meter
  const relay = relayOf(rooms, meter)
  const backPressure = watchBackPressure({
    relay,
    limits: outboxLimits,
    log,
    now,
    everyMs: backPressureEveryMs,
  })
  const settling = settlingOf(rooms, { relay, signal, meter })
  const deciding = decidingOf(service, settings, rooms)
  const decider = createDecider({
    ...settling,
    service,
    deciding,
    elsewhere: settings.checksPurity ? elsewhere : undefined,
    now,
    batchCommandsMax: batchMax,
    waitingMax: commandsWaitingMax,
    outboxLimits,
  })
  const reached = new Map<string, Progress>()
  const breakers = createBreakers(service, { defaults: settings.breaker ?? breakerDefaults, log })
  const keptResults = createKeptResults({ ledger: rooms.ledger, log, afterMs: resultsKeptAfterMs })
  const calling = { breakers, keptResults }
  const partitions = new Map<string, TopicPartition & { readonly open: OpenPartition }>()
  const receiver = receiverOf(service, settings, {
    rooms,
    settling,
    deciding,
    calling,
    stopping,
    reached,
    partitions,
    meter,
  })
  const metrics = createMetrics({
    service,
    ...wireNames,
    dependencies,
    relay,
    backPressure,
    receiver,
    schemas,
    breakers,
    partitions,
    now,
  })
  const probes = probesOf({ ...rooms, receiver, relay })
  return {
    ...rooms,
    relay,
    backPressure,
    settling,
    decider,
    reached,
    partitions,
    receiver,
    breakers,
    keptResults,
    metrics,
    pulse: createPulse({ dependencies, probes, everyMs: pulseEveryMs, log }),
    lookout: createLookout(settling, { everyMs: staleAfterMs, staleAfterMs }),
    firing: createFiring({
      ...settling,
      ...firingPace,
      onFired: (lateMs) => meter().deadlineFired(lateMs / 1_000),
      onCounted: (pending) => meter().deadlinesPending(pending),
    }),
    retention: retentionOf(settings, rooms, meter),
    retries: createRetryLoop({
      ledger: rooms.ledger,
      partitions,
      breakers,
      random: Math.random,
      everyMs: retryEveryMsOf(settings),
      restMs: retryRestMs,
      log,
    }),
    recounts: createRecountLoop({ partitions, everyMs: 5 * retryEveryMsOf(settings), log }),
    counts: createCountLoop({
      ledger: rooms.ledger,
      everyMs: 10 * retryEveryMsOf(settings),
      onCounted: (sum) => meter().parkedSum(sum),
      log,
    }),
  }
}

function relayOf({ connection, log, tracing }: Rooms, meter: () => Meter): Relay {
  return createRelay({
    connection,
    log,
    tuning: { queueRecordsMax: outboxLimits.eventsMax, queueBytesMax: outboxLimits.eventsBytesMax },
    onAcknowledged: (afterMs) => meter().stageTook('relay', afterMs / 1_000),
    ...(tracing ? { around: tracing.sending } : {}),
  })
}

type Settling = SettleOptions & { readonly log: Log; readonly tracing: Rooms['tracing'] }

/** What commands and partitions settle with. */
function settlingOf(
  { ledger, dependencies, tracing, log }: Rooms,
  {
    relay,
    signal,
    meter,
  }: { readonly relay: Relay; readonly signal: AbortSignal; readonly meter: () => Meter },
): Settling {
  // In no trace, although its timer is set while something is settled in one.
  const sweep = () => sweepOutbox(settling, forgetTimeoutMs)
  const settling: Settling = {
    ledger,
    relay,
    sweeper: createSweeper(() => context.with(ROOT_CONTEXT, sweep), outboxIdleMs),
    locks: createLocks(),
    dependencies,
    signal,
    log,
    tracing,
    onSettled: (work) => meter().settled(work),
    onStage: (stage, seconds) => meter().stageTook(stage, seconds),
  }
  return settling
}

type Deciding = ReturnType<typeof decidingOf>

function decidingOf(service: Service, { eventBytesMax, deadlinesMs }: Settings, { codec }: Rooms) {
  refuseUnknownDeadlines(service, deadlinesMs)
  const { encode, schemaNameOf } = codec
  return { service: service.name, deriveId, encode, schemaNameOf, eventBytesMax, deadlinesMs }
}

function refuseUnknownDeadlines({ name, deadlines }: Service, told: Settings['deadlinesMs'] = {}): void {
  const known = deadlines.map(({ emit }) => emit.type)
  const unknown = Object.keys(told).find((type) => !known.includes(type))
  if (unknown === undefined) return
  throw new TroupeError(
    'TROUPE_SETTING_INVALID',
    `TROUPE_DEADLINES names ${unknown}, and no deadline of ${name} emits that. It has: ${known.join(', ') || 'none'}.`,
  )
}

interface Receiving {
  readonly rooms: Rooms
  readonly settling: Settling
  readonly deciding: Deciding
  readonly calling: { readonly breakers: Breakers; readonly keptResults: KeptResults }
  readonly stopping: AbortSignal
  readonly reached: Map<string, Progress>
  readonly partitions: Map<string, TopicPartition & { readonly open: OpenPartition }>
  readonly meter: () => Meter
}

/** Undefined for a service that hears nothing: it only decides on commands. */
function receiverOf(
  service: Service,
  settings: Settings,
  { rooms, settling, deciding, calling, stopping, reached, partitions, meter }: Receiving,
): Receiver | undefined {
  const topics = [...new Set(service.hears.map(({ topic }) => topic))]
  if (topics.length === 0) return undefined
  const { checksPurity, onDataLoss, performTimeoutMs, sessionTimeoutMs } = settings
  const { connection, codec, inTables, log, now } = rooms
  const policyOf = policiesOf(service, settings.retry)
  const parkedLimits = {
    eventsMax: settings.parkedEventsMax ?? parkedLimitsDefault.eventsMax,
    bytesMax: settings.parkedBytesMax ?? parkedLimitsDefault.bytesMax,
  }
  const sparingLog = createSparingLog(log)
  const blocking = createBlocking({
    log,
    clock: () => performance.now(),
    onBlocked: (reaction, seconds) => meter().blocked(reaction, seconds),
  })
  const aloneInTurn = oneAtATime()
  const assign = async (place: TopicPartition, found: ClaimedTopic) => {
    const open = await claimPartition(
      place,
      {
        ...settling,
        ...calling,
        service,
        codec,
        sparingLog,
        deciding,
        elsewhere: checksPurity ? elsewhere : undefined,
        blocking,
        now,
        batchEventsMax: inTables ? transactBatchMax : batchMax,
        inTables,
        performsMax,
        performAttemptsMax,
        performTimeoutMs,
        policyOf,
        random: Math.random,
        parkedLimits,
        aloneInTurn,
        onRetried: (reaction, outcome) => meter().retried(reaction, outcome),
        passedKeptAfterMs,
        stopping,
        onTook: (seconds) => meter().tookSeconds(seconds),
        onReached: (next) => reached.set(laneOf(place), { ...place, next }),
        onReleased: () => {
          reached.delete(laneOf(place))
          if (partitions.get(laneOf(place))?.open === open) partitions.delete(laneOf(place))
        },
        onPassedOver: (why, record) => {
          meter().passedOver(why)
          sayPassedOver(why, record, { service, sparingLog })
        },
        onWaitingForSchema: (isWaiting) => meter().waitingForSchema(isWaiting),
      },
      found,
    )
    partitions.set(laneOf(place), { ...place, open })
    return open
  }
  return createReceiver({
    connection,
    groupId: service.name,
    topics,
    log,
    tuning: { sessionTimeoutMs },
    assign,
    // Partitions that are new wait for others, whoever of the group holds those.
    positionOf: async (place) => (await settling.ledger.positionOf(place))?.next,
    onDataLoss,
  })
}

function retentionOf(settings: Settings, { ledger, log }: Rooms, meter: () => Meter) {
  const {
    inboxRetentionHours = retentionHours,
    answerRetentionHours = retentionHours,
    deadLetterRetentionHours = deadLetterRetentionHoursDefault,
  } = settings
  return createRetention({
    ...retentionPace,
    ledger,
    log,
    retentionMs: {
      inbox: hoursInMs(inboxRetentionHours),
      answers: hoursInMs(answerRetentionHours),
      performed: hoursInMs(inboxRetentionHours),
      deadLetters: hoursInMs(deadLetterRetentionHours),
      actions: hoursInMs(deadLetterRetentionHours),
    },
    onForgotten: (what, count) => meter().forgot(what, count),
  })
}

/** As fast as delays are made to run. */
function retryEveryMsOf({ retry: { delayScale = 1 } = {} }: Settings): number {
  return Math.min(retryEveryMs, Math.max(retryEveryMsMin, retryEveryMs * delayScale))
}

/** Undefined: for ever. */
function hoursInMs(hours: number): number | undefined {
  return hours === 0 ? undefined : hours * 3_600_000
}
