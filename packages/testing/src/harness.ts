// Services under test, in this process, on a real stack: Kafka's protocol, Avro, PostgreSQL.
//
// Invariants
// 1. A harness shares nothing with another one: it has a stack of its own, or, on a stack that others use
//    too, topics, groups, subjects and databases of its own, under a namespace that nobody else has.
// 2. `stop` undoes everything that `start` did, also when `start` failed half-way.
// 3. Nothing here waits for a time to pass: expectations wait for events, `atRest` for positions.

import { createCodec } from '@troupe/avro'
import {
  type AnyEventType,
  checkedFields,
  type Codec,
  commandLane,
  type DataOf,
  type EventDraft,
  type EventOf,
  type FieldChecks,
  fieldIs,
  headersOf,
  isTroupeError,
  type OutgoingRecord,
  type Service,
  TroupeError,
} from '@troupe/core'
import { connectKafka, createLogEnds, createRelay, ensureTopics } from '@troupe/kafka'
import type { RunningService } from '@troupe/runtime'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { createCompany } from './company.ts'
import { createExpectations } from './expectations.ts'
import { createHarnessLog } from './harness-log.ts'
import type { Part } from './match.ts'
import { createRecorder, type Seen } from './recorder.ts'
import { comeToRest } from './rest.ts'
import { chooseStack, type ChosenStack } from './stack/choose-stack.ts'
import { kafkaAccess } from './stack/kafka-access.ts'
import type { Stack, StackName } from './stack/stack.ts'
import { tidy } from './stack/tidy.ts'
import { createTape } from './tape.ts'
import { topicsOf } from './topics-of.ts'

export interface HarnessOptions {
  /** The services that run. Events of others are published by the test. */
  readonly services: readonly Service[]
  /**
   * Where they run: a stack of the harness's own, embedded or in containers; addresses from outside; or a
   * stack that the test started, for several harnesses. Default: what `TROUPE_STACK` says, and else embedded.
   */
  readonly stack?: StackName | Stack
  /** How long an expectation waits before it fails. Default 5,000. */
  readonly timeoutMs?: number
  /** Partitions of topics whose service declares no number, or does not run here. Default 3. */
  readonly partitions?: number
  /** Reactions and commands are run twice and must say the same. Default: true. */
  readonly checksPurity?: boolean
  /** How long deadlines last, by the event that they emit: in a test nobody waits for minutes. Default: as declared. */
  readonly deadlinesMs?: Readonly<Record<string, number>>
  /** Services serve their admin API under this token, at the `adminUrl` of each. Default: they serve none. */
  readonly adminToken?: string
  /** Receives every log line of the services. Default: only warnings are kept, for failure messages. */
  readonly print?: (level: string, facts: object, message: string) => void
}

export interface PublishOptions {
  /** Default: a new one. Publish twice under one id to test a duplicate. */
  readonly id?: string
  /** Default: the event's key. */
  readonly correlationId?: string
}

export interface ExpectOptions {
  readonly timeoutMs?: number
}

/** Services under test and what happened around them. */
export interface EventTestHarness {
  readonly stack: Stack
  /** Publishes an event as its owner would; resolves when the broker has it. Its schema is registered first. */
  publish(draft: EventDraft, options?: PublishOptions): Promise<void>
  /** Publishes bytes as they are, to test what a service makes of them. */
  publishRaw(record: Pick<OutgoingRecord, 'topic' | 'key' | 'headers' | 'value'>): Promise<void>
  /**
   * Waits for the first event of this type that fits, and that no earlier expectation took.
   * @throws TroupeError `TROUPE_EXPECTATION_FAILED` that lists what was seen instead, in order
   */
  expectEvent<Type extends AnyEventType>(
    type: Type,
    part?: Part<DataOf<Type>>,
    options?: ExpectOptions,
  ): Promise<EventOf<Type>>
  /** Waits until everything is at rest; then there must be no such event that no earlier expectation took. */
  expectNoEvent<Type extends AnyEventType>(
    type: Type,
    part?: Part<DataOf<Type>>,
    options?: ExpectOptions,
  ): Promise<void>
  /** Resolves when every running service has handled every event and published every answer to it. */
  atRest(options?: ExpectOptions): Promise<void>
  /** Every event so far, in the order in which it was read; what Kafka holds twice under one id, once. */
  events(): readonly EventOf<AnyEventType>[]
  /** Every record so far, dead letters, foreign ones and repetitions too, each described in a line. */
  seen(): readonly Seen[]
  /** A running service, to decide commands and read documents. */
  service(name: string): RunningService
  /** Stops one service; events for it pile up. */
  stopService(name: string): Promise<void>
  /** Starts a service that was stopped. */
  startService(name: string): Promise<void>
  stop(): Promise<void>
}

const timeoutMsDefault = 5_000

const { count, ifGiven } = fieldIs
const checks: FieldChecks<HarnessOptions> = {
  services: fieldIs.listOf(fieldIs.object, 'Give it a list of services.'),
  // A name or a stack: the choice refuses what is neither.
  stack: () => {},
  timeoutMs: ifGiven(count()),
  partitions: ifGiven(count(1)),
  checksPurity: ifGiven(fieldIs.switch),
  deadlinesMs: ifGiven(fieldIs.each(fieldIs.number, 'Use an object of milliseconds by event.')),
  adminToken: ifGiven(fieldIs.secret),
  print: ifGiven(fieldIs.function),
}

/**
 * Starts a stack, and services on it.
 *
 * @throws TroupeError `TROUPE_DECLARATION_INVALID` for an option that is none, or of another kind; else as the
 *   stack's and the services' start do; then nothing is left running
 */
async function start(given: HarnessOptions): Promise<EventTestHarness> {
  const options = checkedFields(given, checks, 'the options object of `EventTestHarness.start`')
  const undo: (() => Promise<unknown>)[] = []
  try {
    const chosen = await chooseStack(options.stack)
    undo.push(() => chosen.release())
    return await startOn(chosen, undo, options)
  } catch (error) {
    // Why it could not start is what counts, not what else went wrong on the way back.
    await unwind(undo).catch(() => {})
    throw error
  }
}

/** Tests of services on a whole stack: `await EventTestHarness.start({ services: [order, payment] })`. */
export const EventTestHarness = { start } as const

async function startOn(
  { stack, isShared }: ChosenStack,
  undo: (() => Promise<unknown>)[],
  options: HarnessOptions,
): Promise<EventTestHarness> {
  const {
    services,
    timeoutMs = timeoutMsDefault,
    partitions = 3,
    checksPurity = true,
    deadlinesMs = {},
    adminToken,
  } = options
  const log = createHarnessLog(options.print)
  const types = [...new Set(services.flatMap(({ hears, says }) => [...hears, ...says]))]
  const specs = topicsOf(services, partitions)
  const topics = specs.map(({ topic }) => topic)
  const within = isShared ? { namespace: `t${randomUUID().slice(0, 8)}` } : {}
  const connection = connectKafka({ clientId: 'troupe-harness', ...kafkaAccess(stack), ...within }, log)
  const codec = createCodec({ registryUrl: stack.registry.url, ...within, log })
  const company = createCompany(services, stack, {
    log,
    partitions,
    checksPurity,
    deadlinesMs,
    adminToken,
    ...within,
  })
  const { namespace } = within
  if (namespace !== undefined)
    undo.push(() => tidy(stack, { namespace, connection, databases: company.databases(), log }))
  const recorder = createRecorder(types, codec)
  const logEnds = createLogEnds(connection)
  undo.push(() => logEnds.close())
  const tape = createTape(connection, topics, recorder, log)
  undo.push(() => tape.stop())
  const relay = createRelay({ connection, log })
  undo.push(() => relay.stop({ graceMs: 1_000 }))
  undo.push(() => company.stop())
  const topicsMade = ensureTopics(connection, specs)
  const listening = topicsMade.then(() => Promise.all([tape.start(), relay.start()]))
  // Side by side: each service makes its database and its schemas by itself.
  const ends = await Promise.allSettled([listening, company.start(topicsMade)])
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed) throw failed.reason

  const expectations = createExpectations(recorder, log)
  const atRest = (within = timeoutMs) =>
    comeToRest(company.running(), { logEnds, topics, recorder, timeoutMs: within })
  let stopped: Promise<void> | undefined
  const send = async (record: OutgoingRecord) => {
    relay.push([record])
    await relay.drained()
    const refused = relay.state.refused.find(({ id }) => id === record.id)
    if (refused)
      throw new TroupeError('TROUPE_EVENT_TOO_LARGE', `The broker refuses the event: ${refused.message}.`)
  }
  return {
    stack,
    async publish(draft, publishOptions) {
      await registered(draft, codec, timeoutMs)
      await send(recordOf(draft, codec, publishOptions))
    },
    publishRaw: (record) => send({ id: randomUUID(), lane: commandLane, ...record }),
    expectEvent: (type, part, { timeoutMs: within = timeoutMs } = {}) =>
      expectations.event(type, part, within),
    async expectNoEvent(type, part, { timeoutMs: within } = {}) {
      await atRest(within)
      expectations.noEvent(type, part)
    },
    atRest: ({ timeoutMs: within } = {}) => atRest(within),
    events: () => recorder.events(),
    seen: () => recorder.seen(),
    service: (name) => company.get(name),
    stopService: (name) => company.stopOne(name),
    startService: (name) => company.startOne(name),
    stop() {
      stopped ??= unwind(undo)
      return stopped
    },
  }
}

/** A registry that is busy is asked again, as long as an expectation would wait. */
async function registered({ eventType }: EventDraft, codec: Codec, timeoutMs: number): Promise<void> {
  const untilMs = performance.now() + timeoutMs
  for (;;) {
    try {
      return await codec.register([eventType as AnyEventType])
    } catch (error) {
      if (!isTroupeError(error, 'TROUPE_REGISTRY_UNREACHABLE') || performance.now() > untilMs) throw error
      await delay(100)
    }
  }
}

function recordOf(
  { eventType, type, data }: EventDraft,
  codec: Codec,
  { id = randomUUID(), correlationId }: PublishOptions = {},
): OutgoingRecord {
  // Drafts forget their input type; encoding needs none.
  const known = eventType as AnyEventType
  const key = known.keyOf(data)
  const headers = headersOf(
    {
      id,
      type,
      source: known.owner,
      timeMs: Date.now(),
      key,
      correlationId: correlationId ?? key,
      causationId: undefined,
      traceparent: undefined,
      tracestate: undefined,
    },
    codec.schemaNameOf(known),
  )
  return {
    id: `${id}/${randomUUID()}`,
    lane: commandLane,
    topic: known.topic,
    key,
    headers,
    value: codec.encode(known, data),
  }
}

/** Undoes in reverse order; the first error is thrown once everything has been tried. */
async function unwind(undo: (() => Promise<unknown>)[]): Promise<void> {
  const errors: unknown[] = []
  for (let step = undo.pop(); step; step = undo.pop())
    await step().catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw errors[0]
}
