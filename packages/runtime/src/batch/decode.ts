import { traceIdOf } from '../observe/tracing-context.ts'
import {
  type AnyEventType,
  type BoundReaction,
  type Codec,
  type Delivery,
  type Envelope,
  envelopeOf,
  eventOf,
  freeze,
  type RawRecord,
  retryVerdictOf,
  schemaNameIn,
  type Service,
  traceOf,
  typeHeaderOf,
} from '@troupe/core'

/** A consumed record that concerns the service: something to react to, or something that cannot be read. */
export type Heard =
  | { readonly record: RawRecord; readonly delivery: Delivery; readonly failure?: undefined }
  | { readonly record: RawRecord; readonly delivery?: undefined; readonly failure: unknown }

/**
 * Why a record was passed over: its type is not heard; it has no type header, and nobody here hears its
 * schema; or it has neither type nor value, as a key that was deleted from a compacted topic leaves it.
 */
export type PassedOver = 'type-not-heard' | 'schema-not-heard' | 'tombstone'

interface Hearing {
  readonly eventType: AnyEventType
  readonly bound: BoundReaction
}

/**
 * Picks out of a batch what the service hears, and decodes it. What it does not hear is passed over by
 * its type header, undecoded; without one, by the name of its schema.
 *
 * @throws what the codec throws where waiting may help; bytes that will never decode come back as `failure`
 */
export async function decode(
  service: Service,
  codec: Codec,
  records: readonly RawRecord[],
  onPassedOver: (why: PassedOver, record: RawRecord) => void,
): Promise<readonly Heard[]> {
  const heard: Heard[] = []
  for (const record of records) {
    const found = decodeOne(service, codec, record)
    const one = found instanceof Promise ? await found : found
    if (typeof one === 'string') onPassedOver(one, record)
    else heard.push(one)
  }
  return heard
}

type Decoded = Heard | PassedOver

function decodeOne(service: Service, codec: Codec, record: RawRecord): Decoded | Promise<Decoded> {
  const type = typeHeaderOf(record.headers)
  if (type === undefined) return decodeForeign(service, codec, record)
  const bound = service.reactions.get(type)
  // The same name on another topic is another owner's event.
  const eventType = bound?.reaction.on.find((on) => on.type === type && on.topic === record.topic)
  return bound && eventType ? read(codec, record, { eventType, bound }) : 'type-not-heard'
}

/** Another team's record, without Troupe's headers: heard by the full name of its schema. */
function decodeForeign(service: Service, codec: Codec, record: RawRecord): Decoded | Promise<Decoded> {
  if (record.value === null) return 'tombstone'
  const heardAs = (name: string) => {
    const hearing = hearingOf(service, record.topic, name)
    return hearing ? read(codec, record, hearing) : 'schema-not-heard'
  }
  try {
    const name = codec.recordNameIn(record.value)
    if (typeof name === 'string') return heardAs(name)
    return name.then(heardAs, (error: unknown) => failed(record, error))
  } catch (error) {
    return failed(record, error)
  }
}

function hearingOf(service: Service, topic: string, recordName: string): Hearing | undefined {
  for (const eventType of service.hears) {
    const bound = service.reactions.get(eventType.type)
    if (bound && eventType.topic === topic && fullNameOf(eventType) === recordName)
      return { eventType, bound }
  }
  return undefined
}

function fullNameOf({ schema: { name, namespace } }: AnyEventType): string {
  return namespace === undefined || name.includes('.') ? name : `${namespace}.${name}`
}

function read(codec: Codec, record: RawRecord, { eventType, bound }: Hearing): Heard | Promise<Heard> {
  const heardWith = (data: object): Heard => {
    try {
      const envelope = envelopeIn(record, eventType, data)
      // Frozen: a batch may be decided more than once, and each time on the same events.
      const event = Object.freeze(eventOf(envelope, freeze(data)))
      return { record, delivery: { form: 'event', event, bound } }
    } catch (error) {
      return failed(record, error)
    }
  }
  try {
    const data: unknown = codec.decode(eventType, record.value ?? nothing, schemaNameIn(record.headers))
    if (!(data instanceof Promise)) return heardWith(data as object)
    return (data as Promise<object>).then(heardWith, (error: unknown) => failed(record, error))
  } catch (error) {
    return failed(record, error)
  }
}

/** @throws TroupeError `TROUPE_ENVELOPE_INVALID` */
export function envelopeIn(record: RawRecord, eventType: AnyEventType, data: object): Envelope {
  const { headers, topic, partition, offset, timestampMs } = record
  const key = record.key === null ? null : decoder.decode(record.key)
  return envelopeOf(
    headers,
    { topic, partition, offset: String(offset), key, timestampMs },
    { type: eventType.type, key: () => eventType.keyOf(data) },
  )
}

/** Only what can never be decoded becomes a failure; the rest is the caller's to wait for. */
function failed(record: RawRecord, failure: unknown): Heard {
  if (retryVerdictOf(failure) === 'wait') throw failure
  return { record, failure }
}

/**
 * What a log line says of a record: where it stands, and what it is as far as one can tell.
 *
 * @param traceId of its span; by default that of its emitter
 */
export function factsOf({ record, delivery }: Heard, traceId?: string): object {
  const trace_id = traceId ?? traceIdOf(delivery?.event ?? traceOf(record.headers))
  const place = {
    topic: record.topic,
    partition: record.partition,
    offset: String(record.offset),
    ...(trace_id === undefined ? {} : { trace_id }),
  }
  if (!delivery) return place
  return { event: delivery.event.id, type: delivery.event.type, saga: delivery.event.correlationId, ...place }
}

const decoder = new TextDecoder()
const nothing = new Uint8Array(0)
