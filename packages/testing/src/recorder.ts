// Everything that happened on the topics of a harness, in the order in which it was read.
//
// Invariants
// 1. An event is handed out by `take` once: two expectations of the same kind need two events. One that Kafka
//    holds twice under one id, as it may, is one event.
// 2. Waiters are asked again whenever something new was read; nothing is polled.

import {
  type AnyEventType,
  type Codec,
  deadLetterHeaders,
  type Event,
  envelopeOf,
  eventOf,
  type RawRecord,
  schemaNameIn,
  typeHeaderOf,
} from '@troupe/core'
import { inspect } from 'node:util'

/** One record as the recorder read it. */
export interface Seen {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly record: RawRecord
  /** Undefined for what is not an event of a known type: a dead letter, or foreign bytes. */
  readonly event: Event | undefined
  readonly description: string
}

export interface Recorder {
  record(records: readonly RawRecord[]): Promise<void>
  /** Everything read so far. */
  seen(): readonly Seen[]
  /** Every event among it, once, where it was read first. */
  events(): readonly Event[]
  /** The first event that nobody took yet and that `isWanted`. */
  take(isWanted: (event: Event) => boolean): Event | undefined
  /** Resolves when something more has been read. */
  more(): Promise<void>
}

/** @param types every event type whose data the recorder shows */
export function createRecorder(types: readonly AnyEventType[], codec: Codec): Recorder {
  const byName = new Map(types.map((type) => [`${type.topic}/${type.type}`, type]))
  const all: Seen[] = []
  const events = new Map<string, Event>()
  const taken = new Set<Event>()
  let waiters: (() => void)[] = []

  return {
    async record(records) {
      for (const record of records) {
        const seen = await look(record, byName, codec)
        all.push(seen)
        const name = seen.event && JSON.stringify([seen.event.source, seen.event.id])
        if (seen.event && name !== undefined && !events.has(name)) events.set(name, seen.event)
      }
      const woken = waiters
      waiters = []
      for (const wake of woken) wake()
    },
    seen: () => all,
    events: () => [...events.values()],
    take(isWanted) {
      for (const event of events.values()) {
        if (taken.has(event) || !isWanted(event)) continue
        taken.add(event)
        return event
      }
      return undefined
    },
    more: () => new Promise((resolve) => waiters.push(resolve)),
  }
}

async function look(
  record: RawRecord,
  byName: ReadonlyMap<string, AnyEventType>,
  codec: Codec,
): Promise<Seen> {
  const { topic, partition, offset } = record
  const place = { topic, partition, offset, record }
  const type = typeHeaderOf(record.headers)
  const eventType = type === undefined ? undefined : byName.get(`${topic}/${type}`)
  if (!eventType || !record.value)
    return { ...place, event: undefined, description: describeForeign(record, type) }
  try {
    const key = record.key === null ? null : Buffer.from(record.key).toString()
    const data = (await codec.decode(eventType, record.value, schemaNameIn(record.headers))) as object
    const envelope = envelopeOf(
      record.headers,
      { ...place, offset: String(offset), key, timestampMs: record.timestampMs },
      { type: eventType.type, key: () => eventType.keyOf(data) },
    )
    const event = eventOf(envelope, data)
    return { ...place, event, description: describe(event) }
  } catch (error) {
    return {
      ...place,
      event: undefined,
      description: `${type ?? 'a record'} that cannot be read: ${String(error)}`,
    }
  }
}

/** One line that says what an event says. */
export function describe({ type, source, correlationId, data }: Event): string {
  return `${type} by ${source}, saga ${correlationId}: ${inspect(data, { depth: 4, breakLength: Infinity, maxStringLength: 100, maxArrayLength: 10 })}`
}

function describeForeign({ topic, headers }: RawRecord, type: string | undefined): string {
  const reason = headers[deadLetterHeaders.message]
  if (reason === undefined) return `${type ?? 'a record without a type'} on ${topic}`
  return `a dead letter on ${topic}: ${type ?? 'a record without a type'}, because: ${typeof reason === 'string' ? reason : Buffer.from(reason as Uint8Array).toString()}`
}
