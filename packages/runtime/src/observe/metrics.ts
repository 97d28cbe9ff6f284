// What a service measures of itself, and under which names: nowhere else is a metric named.
//
// On the way of an event nothing is done but adding to numbers; everything else is asked for when somebody
// reads the metrics.

import type {
  Forgettable,
  InboxEntry,
  OutgoingRecord,
  DoubtWrites,
  ParkedSum,
  Parking,
  PendingDeadlines,
  Service,
} from '@troupe/core'
import type { Receiver, Relay } from '@troupe/kafka'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { BackPressureWatch } from '../batch/back-pressure.ts'
import type { Breakers, BreakerState } from '../calls/breaker.ts'
import type { PassedOver } from '../batch/decode.ts'
import { type Dependencies, dependencyNames } from '../service/dependencies.ts'
import { measureAside } from './metrics-aside.ts'
import type { Parked } from '../aside/parked.ts'
import type { SchemaKeeping } from '../schemas/schema-keeping.ts'
import type { RetryOutcome } from '../aside/set-aside.ts'
import type { Stage } from './stages.ts'

/** Names are kept as they are: dashboards and alerts know them. */
export const metricNames = {
  lag: 'kafka_consumergroup_lag',
  handled: 'troupe_events_handled_total',
  batchSeconds: 'troupe_batch_seconds',
  stageSeconds: 'troupe_stage_seconds',
  unpublished: 'troupe_outbox_unpublished',
  unpublishedBytes: 'troupe_outbox_unpublished_bytes',
  heldBack: 'troupe_held_back',
  forgotten: 'troupe_ledger_forgotten_total',
  deadlinesPending: 'troupe_deadlines_pending',
  deadlineOverdueSeconds: 'troupe_deadline_overdue_seconds',
  deadlineLateSeconds: 'troupe_deadline_late_seconds',
  oldestUnpublishedSeconds: 'troupe_relay_oldest_unpublished_seconds',
  refused: 'troupe_relay_refused',
  dependencyUp: 'troupe_dependency_up',
  partitions: 'troupe_partitions',
  recordsLost: 'troupe_records_lost',
  consumerRestarts: 'troupe_consumer_restarts_total',
  blockedSeconds: 'troupe_event_loop_blocked_seconds_total',
  passedOver: 'troupe_events_passed_over_total',
  schemaWaits: 'troupe_partitions_waiting_for_schema',
  unregistered: 'troupe_schemas_unregistered',
  losses: 'troupe_registry_losses_total',
  breakerState: 'troupe_breaker_state',
  parkedKeys: 'troupe_parked_keys',
  parkedEvents: 'troupe_parked_events',
  oldestParkedSeconds: 'troupe_parked_oldest_seconds',
  parkedFull: 'troupe_partitions_held_by_parked',
  parked: 'troupe_parked_total',
  retries: 'troupe_retries_total',
  deadLetters: 'troupe_dead_letters_total',
  stepsInDoubt: 'troupe_steps_in_doubt_total',
} as const

/** What is told on the way of an event. */
export interface Meter {
  /** Told of what was committed, once. */
  settled(work: {
    readonly inbox: readonly InboxEntry[]
    readonly outbox: readonly OutgoingRecord[]
    readonly parking?: Parking | undefined
    readonly doubts?: DoubtWrites | undefined
  }): void
  /** Told of each parked record that was tried again. */
  retried(reaction: string, outcome: RetryOutcome): void
  /** Told that a reaction kept everything else in this process waiting. */
  blocked(reaction: string, seconds: number): void
  /** Told how long a batch took, from its handing over to its last commit. */
  tookSeconds(seconds: number): void
  /** Told how late a deadline was fired. */
  deadlineFired(lateSeconds: number): void
  /** Told how many deadlines the ledger holds, and for how long the oldest of them has been due. */
  deadlinesPending(pending: PendingDeadlines): void
  /** Told how much the ledger holds that is parked, in all partitions. */
  parkedSum(sum: ParkedSum): void
  /** Told how many rows the ledger has forgotten. */
  forgot(what: Forgettable, count: number): void
  /** Told how long one stage of a batch took. */
  stageTook(stage: Stage, seconds: number): void
  /** Told of each record that does not concern the service. */
  passedOver(why: PassedOver): void
  /** Told when a partition begins to wait for a schema, and when it is done with that. */
  waitingForSchema(isWaiting: boolean): void
}

export interface Metrics {
  readonly meter: Meter
  readonly contentType: string
  /** All of them, as Prometheus reads them. */
  text(): Promise<string>
}

export interface MetricsOptions {
  readonly service: Service
  /** As Kafka calls it. */
  readonly consumerGroup: string
  /** What Kafka calls a topic. */
  readonly onWire: (topic: string) => string
  readonly dependencies: Dependencies
  readonly relay: Pick<Relay, 'state'>
  readonly backPressure: Pick<BackPressureWatch, 'state'>
  readonly receiver: Pick<Receiver, 'state' | 'lag'> | undefined
  readonly schemas: Pick<SchemaKeeping, 'unregistered' | 'losses'>
  readonly breakers: Pick<Breakers, 'states'>
  readonly partitions: ReadonlyMap<string, { readonly open: { readonly parked: Pick<Parked, 'state'> } }>
  readonly now: () => number
}

const batchBucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
/** The phases that a partition of this process can be in. */
const partitionPhases = ['claiming', 'reading', 'checking', 'halted'] as const
/** The type of an event that cannot be read. */
const unknownType = 'unknown'

/** The metrics of one service, each in a registry of its own: several services may share a process. */
export function createMetrics(options: MetricsOptions): Metrics {
  const { service } = options
  const registry = new Registry()
  const handled = withoutDeadLetters(service)
  const passed = new Map<string, number>()
  const waiting = { count: 0 }
  const batchSeconds = new Histogram({
    name: metricNames.batchSeconds,
    help: 'How long batches of events took, from their handing over to their last commit',
    buckets: batchBucketsSeconds,
    registers: [],
  })
  const blockedSeconds = new Counter({
    name: metricNames.blockedSeconds,
    help: 'How long single runs of a reaction kept everything else in the process waiting',
    labelNames: ['reaction'],
    registers: [],
  })
  for (const { name: reaction } of new Set(service.reactions.values())) blockedSeconds.inc({ reaction }, 0)
  const forgotten = new Counter({
    name: metricNames.forgotten,
    help: 'Rows that the ledger has forgotten because they are older than their retention',
    labelNames: ['table'],
    registers: [],
  })
  const deadlines = measureDeadlines()
  const stageSeconds = new Histogram({
    name: metricNames.stageSeconds,
    help: 'How long each stage of a batch took; receive: since its oldest record was made',
    labelNames: ['stage'],
    buckets: batchBucketsSeconds,
    registers: [],
  })
  const aside = measureAside(options, metricNames)
  const measured = [
    batchSeconds,
    stageSeconds,
    blockedSeconds,
    countHandled(service, handled),
    ...measureKafka(options),
    ...measureRelay(options),
    measureBackPressure(options),
    forgotten,
    deadlines.pending,
    deadlines.overdueSeconds,
    deadlines.lateSeconds,
    measureDependencies(options),
    ...measureSchemas(options, passed, waiting),
    measureBreakers(options),
    ...aside.measured,
  ]
  for (const metric of measured) registry.registerMetric<string>(metric)
  let isProcessMeasured = false

  function count(type: string, outcome: string, by = 1): void {
    let outcomes = handled.get(type)
    if (!outcomes) handled.set(type, (outcomes = new Map<string, number>()))
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + by)
  }

  return {
    contentType: registry.contentType,
    meter: {
      settled({ inbox, outbox, parking, doubts }) {
        if (parking) aside.settled(parking)
        if (doubts) aside.doubted(doubts)
        let deadLetters = 0
        for (const { type, outcome } of inbox) {
          count(type, outcome)
          if (outcome === 'dead-lettered') deadLetters -= 1
        }
        for (const { topic } of outbox) if (topic === service.deadLetterTopic) deadLetters += 1
        // What cannot be read has no name to be remembered under.
        if (deadLetters > 0) count(unknownType, 'dead-lettered', deadLetters)
      },
      retried: (reaction, outcome) => aside.retries.inc({ reaction, outcome }),
      blocked: (reaction, seconds) => blockedSeconds.inc({ reaction }, seconds),
      deadlineFired: (lateSeconds) => deadlines.lateSeconds.observe(lateSeconds),
      deadlinesPending({ count, overdueMs }) {
        deadlines.pending.set(count)
        deadlines.overdueSeconds.set(overdueMs / 1_000)
      },
      parkedSum: aside.parkedSum,
      forgot: (what, count) => forgotten.inc({ table: what }, count),
      tookSeconds: (seconds) => batchSeconds.observe(seconds),
      stageTook: (stage, seconds) => stageSeconds.observe({ stage }, seconds),
      passedOver: (why) => void passed.set(why, (passed.get(why) ?? 0) + 1),
      waitingForSchema: (isWaiting) => void (waiting.count += isWaiting ? 1 : -1),
    },
    text() {
      // Only where somebody reads them: watching the event loop is not free.
      if (!isProcessMeasured) collectDefaultMetrics({ register: registry })
      isProcessMeasured = true
      return registry.metrics()
    },
  }
}

/**
 * The count of dead letters is there before the first of them: to Prometheus, a series that begins with 1 has not
 * grown, and an alert for growth would miss it.
 */
function withoutDeadLetters({ hears }: Service): Map<string, Map<string, number>> {
  const types = [...hears.map(({ type }) => type), unknownType]
  return new Map(types.map((type) => [type, new Map([['dead-lettered', 0]])]))
}

function countHandled(service: Service, handled: ReadonlyMap<string, ReadonlyMap<string, number>>) {
  return new Counter({
    name: metricNames.handled,
    help: 'Events that were committed, by what became of them',
    labelNames: ['service', 'type', 'outcome'],
    registers: [],
    collect() {
      this.reset()
      for (const [type, outcomes] of handled)
        for (const [outcome, count] of outcomes) this.inc({ service: service.name, type, outcome }, count)
    },
  })
}

function measureKafka({ receiver, consumerGroup, onWire }: MetricsOptions) {
  const lag = new Gauge({
    name: metricNames.lag,
    help: "Records between a partition's position in the ledger and its end",
    labelNames: ['consumergroup', 'topic', 'partition'],
    registers: [],
    collect() {
      this.reset()
      for (const { topic, partition, lag } of receiver?.lag() ?? [])
        this.set({ consumergroup: consumerGroup, topic: onWire(topic), partition }, Number(lag))
    },
  })
  const partitions = new Gauge({
    name: metricNames.partitions,
    help: 'Partitions that this process holds, by phase; a halted one waits for a person',
    labelNames: ['phase'],
    registers: [],
    collect() {
      this.reset()
      for (const phase of partitionPhases) this.set({ phase }, 0)
      for (const { phase } of receiver?.state.partitions ?? []) if (phase !== 'released') this.inc({ phase })
    },
  })
  const restarts = new Counter({
    name: metricNames.consumerRestarts,
    help: 'How often a consumer was replaced because it crashed or stood still',
    labelNames: ['reason'],
    registers: [],
    collect() {
      this.reset()
      for (const [reason, count] of Object.entries(receiver?.state.restarts ?? {}))
        this.inc({ reason }, count)
    },
  })
  const lost = new Gauge({
    name: metricNames.recordsLost,
    help: 'Records that were deleted before this process could read them, of partitions that it holds',
    labelNames: ['topic', 'partition'],
    registers: [],
    collect() {
      this.reset()
      for (const { topic, partition, lost } of receiver?.state.partitions ?? [])
        if (lost > 0n) this.set({ topic: onWire(topic), partition }, Number(lost))
    },
  })
  return [lag, partitions, restarts, lost]
}

function measureRelay({ relay, now }: MetricsOptions) {
  const unpublished = new Gauge({
    name: metricNames.unpublished,
    help: 'Committed events of this process that Kafka has not acknowledged yet',
    registers: [],
    collect() {
      this.set(relay.state.queued)
    },
  })
  const bytes = new Gauge({
    name: metricNames.unpublishedBytes,
    help: 'About how many bytes these events are',
    registers: [],
    collect() {
      this.set(relay.state.queuedBytes)
    },
  })
  const oldest = new Gauge({
    name: metricNames.oldestUnpublishedSeconds,
    help: 'How long the oldest of them has waited; 0 if there is none',
    registers: [],
    collect() {
      const { oldestUnpublishedSinceMs } = relay.state
      this.set(
        oldestUnpublishedSinceMs === undefined ? 0 : Math.max(0, now() - oldestUnpublishedSinceMs) / 1_000,
      )
    },
  })
  const refused = new Gauge({
    name: metricNames.refused,
    help: 'Events that Kafka will never take; they stay in the outbox',
    registers: [],
    collect() {
      this.set(relay.state.refusedCount)
    },
  })
  return [unpublished, bytes, oldest, refused]
}

function measureBackPressure({ backPressure }: MetricsOptions) {
  return new Gauge({
    name: metricNames.heldBack,
    help: '1 for what is held back because too much waits for Kafka',
    labelNames: ['what'],
    registers: [],
    collect() {
      const { holdsBack } = backPressure.state()
      this.set({ what: 'events' }, holdsBack === 'nothing' ? 0 : 1)
      this.set({ what: 'commands' }, holdsBack === 'events and commands' ? 1 : 0)
    },
  })
}

function measureDeadlines() {
  const pending = new Gauge({
    name: metricNames.deadlinesPending,
    help: "Deadlines and scheduled events in the service's ledger that are neither fired nor lifted, counted every ten seconds; the same in every process of a service",
    registers: [],
  })
  const overdueSeconds = new Gauge({
    name: metricNames.deadlineOverdueSeconds,
    help: 'How long the oldest of them has been due without having been fired, or 0; looked at every ten seconds',
    registers: [],
  })
  const lateSeconds = new Histogram({
    name: metricNames.deadlineLateSeconds,
    help: 'How late deadlines and scheduled events were fired by this process; its count is how many',
    buckets: batchBucketsSeconds,
    registers: [],
  })
  return { pending, overdueSeconds, lateSeconds }
}

function measureDependencies({ dependencies }: MetricsOptions) {
  return new Gauge({
    name: metricNames.dependencyUp,
    help: '1 if the dependency answered when it was asked last',
    labelNames: ['dependency'],
    registers: [],
    collect() {
      const states = dependencies.states()
      for (const dependency of dependencyNames)
        this.set({ dependency }, states[dependency].state === 'up' ? 1 : 0)
    },
  })
}

const breakerNumbers: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 }

function measureBreakers({ breakers }: MetricsOptions) {
  return new Gauge({
    name: metricNames.breakerState,
    help: '0: the calls of this reaction to the outside are made; 1: one is tried; 2: they wait',
    labelNames: ['reaction'],
    registers: [],
    collect() {
      for (const [reaction, state] of Object.entries(breakers.states()))
        this.set({ reaction }, breakerNumbers[state])
    },
  })
}

function measureSchemas(
  { schemas }: MetricsOptions,
  passed: ReadonlyMap<string, number>,
  waiting: { readonly count: number },
) {
  const passedOver = new Counter({
    name: metricNames.passedOver,
    help: 'Records that do not concern the service, by why not',
    labelNames: ['reason'],
    registers: [],
    collect() {
      this.reset()
      for (const [reason, count] of passed) this.inc({ reason }, count)
    },
  })
  const waits = new Gauge({
    name: metricNames.schemaWaits,
    help: 'Partitions that wait for a schema which the registry does not have',
    registers: [],
    collect() {
      this.set(waiting.count)
    },
  })
  const unregistered = new Gauge({
    name: metricNames.unregistered,
    help: 'Schemas of this service that the registry has not confirmed: remembered ones are in use, awaited ones cannot be',
    labelNames: ['state'],
    registers: [],
    collect() {
      const all = schemas.unregistered()
      for (const state of ['remembered', 'awaited'] as const)
        this.set({ state }, all.filter((one) => one.state === state).length)
    },
  })
  const losses = new Counter({
    name: metricNames.losses,
    help: 'How often the registry was found to have lost a schema, or to have another one under its id',
    registers: [],
    collect() {
      this.reset()
      this.inc(schemas.losses())
    },
  })
  return [passedOver, waits, unregistered, losses]
}
