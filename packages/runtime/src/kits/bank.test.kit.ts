// A small bank that hears and decides, in memory, with JSON in place of Avro. Not part of the package.
import {
  type AnyEventType,
  type AvroRecordSchema,
  type Codec,
  command,
  document,
  type EventType,
  headersOf,
  type RawRecord,
  retryPolicyDefault,
  reaction,
  service,
  TroupeError,
} from '@troupe/core'
import type { ReceivedBatch } from '@troupe/kafka'
import { createBreakers } from '../calls/breaker.ts'
import { createDependencies } from '../service/dependencies.ts'
import { type FakeLedger, fakeLedger, type FakeRelay, fakeRelay, keepingLog } from './fakes.test.kit.ts'
import { deriveId } from '../batch/ids.ts'
import { oneAtATime } from '../batch/one-at-a-time.ts'
import { createKeptResults } from '../calls/kept-results.ts'
import { createLocks } from '../batch/locks.ts'
import type { PartitionOptions } from '../batch/partition.ts'
import { createSparingLog } from '../observe/sparing-log.ts'

const text = { encode: new TextEncoder(), decode: new TextDecoder() }

/** JSON in place of Avro. */
export const jsonCodec: Codec = {
  register: async () => {},
  schemaNameOf: (type) => `json:${type.type}`,
  recordNameIn: () => '',
  encode: (_type, data) => text.encode.encode(JSON.stringify(data)),
  decode(type, bytes) {
    try {
      return JSON.parse(text.decode.decode(bytes)) as never
    } catch (cause) {
      throw new TroupeError('TROUPE_WIRE_FORMAT_FOREIGN', `${type.type} is not JSON.`, { cause })
    }
  },
}

export function eventType<const Type extends string, Data extends { readonly account: string }>(
  type: Type,
  owner: string,
): EventType<Type, Data> {
  const schema: AvroRecordSchema = { type: 'record', name: type, fields: [] }
  const made: EventType<Type, Data> = Object.assign(
    (input: Data) => ({ eventType: made, type, data: input }),
    {
      type,
      owner,
      topic: `${owner}.events`,
      schema,
      keyOf: (data: Data) => data.account,
      complete: (input: Data) => input,
    },
  )
  return made
}

export interface Paid {
  readonly account: string
  readonly cents: number
  /** `throw` and the like: what the reaction is to do in place of its work. */
  readonly trick?: string
}

export const PaidIn = eventType<'PaidIn', Paid>('PaidIn', 'counter')
export const Booked = eventType<'Booked', { account: string; cents: number }>('Booked', 'bank')

export interface Account {
  readonly cents: number
  /** In which order it was booked. */
  readonly booked: readonly number[]
}
export const account = document<Account>({ name: 'account', initial: () => ({ cents: 0, booked: [] }) })

/** What a test lets the reaction do. */
export const tricks = new Map<string, (data: Paid) => void>()

export const book = reaction({
  on: PaidIn,
  emits: [Booked],
  reads: ({ data }) => [account(data.account)],
  react({ data }, { get, put, emit }) {
    if (data.trick !== undefined) tricks.get(data.trick)?.(data)
    const { cents, booked } = get(account(data.account))
    put(account(data.account), { cents: cents + data.cents, booked: [...booked, data.cents] })
    emit(Booked, { account: data.account, cents: data.cents })
  },
})

export const payIn = command({
  emits: [Booked],
  reads: (input: Paid) => [account(input.account)],
  react(input, { get, put, emit }) {
    if (input.trick !== undefined) tricks.get(input.trick)?.(input)
    const { cents, booked } = get(account(input.account))
    put(account(input.account), { cents: cents + input.cents, booked: [...booked, input.cents] })
    emit(Booked, { account: input.account, cents: input.cents })
    return { cents: cents + input.cents }
  },
})

export const bank = service({ name: 'bank', reactions: { book }, commands: { payIn } })

/** A record as Kafka hands it over. */
export function recordOf(
  type: AnyEventType,
  data: object,
  place: {
    readonly offset: number
    readonly partition?: number
    readonly id?: string
    readonly saga?: string
  },
): RawRecord {
  const key = type.keyOf(data)
  const { offset, partition = 0, id = `e${partition}/${offset}`, saga = key } = place
  return {
    topic: type.topic,
    partition,
    offset: BigInt(offset),
    key: text.encode.encode(key),
    value: text.encode.encode(JSON.stringify(data)),
    headers: headersOf({
      id,
      type: type.type,
      source: type.owner,
      timeMs: 0,
      key,
      correlationId: saga,
      causationId: undefined,
      traceparent: undefined,
      tracestate: undefined,
    }),
    timestampMs: 0,
  }
}

/** Payments into accounts, one a record, from an offset on. */
export function payments(
  from: number,
  all: readonly (Partial<Paid> & { readonly id?: string })[],
): RawRecord[] {
  return all.map(({ id, ...data }, index) =>
    recordOf(
      PaidIn,
      { account: 'a', cents: from + index, ...data },
      { offset: from + index, ...(id === undefined ? {} : { id }) },
    ),
  )
}

export function batchOf(records: readonly RawRecord[], change: Partial<ReceivedBatch> = {}): ReceivedBatch {
  const from = records[0]?.offset ?? 0n
  const to = (records.at(-1)?.offset ?? -1n) + 1n
  return {
    topic: PaidIn.topic,
    partition: 0,
    records,
    from,
    to,
    highWatermark: to,
    signal: new AbortController().signal,
    ...change,
  }
}

export interface Bench extends PartitionOptions {
  readonly ledger: FakeLedger
  readonly relay: FakeRelay
  readonly log: ReturnType<typeof keepingLog>
  readonly callOff: AbortController
}

/** What fails is a dead letter at once, unless a test says otherwise. */
const oneAttempt = () => ({ ...retryPolicyDefault, attempts: 1 })

/** Everything that a partition needs, in memory. A reaction has one attempt, and a breaker's pauses are short. */
export function benchFor(change: Partial<PartitionOptions> = {}): Bench {
  const log = keepingLog()
  const callOff = new AbortController()
  const ledger = fakeLedger()
  return {
    ledger,
    relay: fakeRelay(),
    sweeper: { touch() {}, stop() {} },
    locks: createLocks(),
    dependencies: createDependencies({ log, now: Date.now }),
    service: bank,
    codec: jsonCodec,
    log,
    sparingLog: createSparingLog(log, { linesMax: Infinity }),
    callOff,
    signal: callOff.signal,
    stopping: new AbortController().signal,
    deciding: {
      service: 'bank',
      deriveId,
      encode: jsonCodec.encode,
      schemaNameOf: jsonCodec.schemaNameOf,
      eventBytesMax: 100_000,
    },
    blocking: { watch: (_reaction, run) => run() },
    breakers: createBreakers(change.service ?? bank, {
      defaults: { failuresMax: 5, pauseMs: 5, pauseMsMax: 20 },
      log,
    }),
    keptResults: createKeptResults({ ledger: change.ledger ?? ledger, log, afterMs: 10 }),
    now: () => 1,
    policyOf: oneAttempt,
    random: () => 0,
    parkedLimits: { eventsMax: 1_000, bytesMax: 1_000_000 },
    aloneInTurn: oneAtATime(),
    batchEventsMax: 500,
    performsMax: 64,
    performAttemptsMax: 3,
    performTimeoutMs: 1_000,
    passedKeptAfterMs: 60_000,
    onReached() {},
    onReleased() {},
    ...change,
  } as Bench
}

/** Far beyond what a test lets pile up. */
export const outboxLimits = {
  eventsMax: 1_000,
  eventsBytesMax: 1_000_000,
  commandsMax: 1_000,
  commandsBytesMax: 1_000_000,
}

export const place = { topic: PaidIn.topic, partition: 0 }
