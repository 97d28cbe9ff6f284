import { TroupeError } from '../errors.ts'
import type { Event } from '../declare/event-type.ts'
import { flawOfName } from '../declare/name.ts'

/**
 * What travels around an event: CloudEvents 1.0 attributes plus Troupe's two extensions.
 * Source: CloudEvents 1.0, Kafka protocol binding, binary content mode.
 */
export interface Envelope {
  /** Unique within `source`. Derived from the cause, so that doing it again gives the same id. */
  readonly id: string
  /** Name of the event type, such as `OrderReceived`. */
  readonly type: string
  /** Name of the service that emitted the event. */
  readonly source: string
  /** When it was emitted, in milliseconds since the epoch, by the emitter's clock. For people only. */
  readonly timeMs: number
  /** The record's key: order is kept per key. */
  readonly key: string
  /** The saga. */
  readonly correlationId: string
  /** Id of the event that caused this one; undefined where a saga begins. */
  readonly causationId: string | undefined
  /** W3C trace context; undefined if it is malformed, as its specification asks for. */
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
}

/** Where in a trace something happens, as W3C Trace Context writes it. */
export type TraceContext = Pick<Envelope, 'traceparent' | 'tracestate'>

/** Record headers as a Kafka client hands them over: one value, or several under one name. */
export type RecordHeaders = Readonly<Record<string, HeaderValue | readonly HeaderValue[] | undefined>>
export type HeaderValue = Uint8Array | string

/** Header names of the envelope, the only place that spells them. */
export const headerNames = {
  specVersion: 'ce_specversion',
  id: 'ce_id',
  type: 'ce_type',
  source: 'ce_source',
  time: 'ce_time',
  correlationId: 'ce_correlationid',
  causationId: 'ce_causationid',
  contentType: 'content-type',
  dataSchema: 'ce_dataschema',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
} as const

/** The content type of an Avro payload in Confluent wire format. */
export const avroContentType = 'application/avro'

/**
 * The envelope as record headers; the key travels as the record's key.
 *
 * @param schemaName by which schema the data was written, as the codec names it: ids are the registry's, and
 *   mean something else when it was emptied
 */
export function headersOf(envelope: Envelope, schemaName?: string): Record<string, string> {
  const headers: Record<string, string> = {
    [headerNames.specVersion]: '1.0',
    [headerNames.id]: envelope.id,
    [headerNames.type]: envelope.type,
    [headerNames.source]: envelope.source,
    [headerNames.time]: timeText(envelope.timeMs),
    [headerNames.correlationId]: envelope.correlationId,
    [headerNames.contentType]: avroContentType,
  }
  if (schemaName !== undefined) headers[headerNames.dataSchema] = schemaName
  if (envelope.causationId !== undefined) headers[headerNames.causationId] = envelope.causationId
  if (envelope.traceparent !== undefined) headers[headerNames.traceparent] = envelope.traceparent
  if (envelope.tracestate !== undefined) headers[headerNames.tracestate] = envelope.tracestate
  return headers
}

/** The event type a record claims to carry, without looking at anything else; undefined if it has none. */
export function typeHeaderOf(headers: RecordHeaders): string | undefined {
  return textOf(headers[headerNames.type])
}

/** By which schema a record says that it was written: as it came, to be compared and no more; undefined if it does not say. */
export function schemaNameIn(headers: RecordHeaders): HeaderValue | undefined {
  const value = headers[headerNames.dataSchema]
  return Array.isArray(value) ? (value[0] as HeaderValue | undefined) : (value as HeaderValue | undefined)
}

/** Where a record without an id stands: its identity, if its emitter gave it none. */
export interface RecordPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: string
  /** The record's key; null where the producer set none. */
  readonly key: string | null
  /** The record's own timestamp, in milliseconds since the epoch. */
  readonly timestampMs: number
}

/** What an event's schema says of a record whose headers do not. */
export interface SchemaFacts {
  /** The event type that goes by the name of the record's schema. */
  readonly type: string
  /** The field that the schema names as the key. */
  readonly key: () => string
}

/**
 * Reads the envelope of a record.
 *
 * Another team's record is as welcome as Troupe's own. A missing id becomes the record's place and time: a
 * topic that was deleted and made again gives out the same offsets once more, and only the time tells
 * the records apart. A missing source becomes the topic. Where headers name no saga, the record's key does,
 * and the field that the schema names as the key where there is none. Without a type header it is that
 * field that counts: what others put into a record's key need not be text.
 *
 * @throws TroupeError `TROUPE_ENVELOPE_INVALID` when there is no type, neither a correlation id nor a key, or
 *   one of the names in it could not be kept apart from another's in a ledger, or is there twice.
 */
export function envelopeOf(headers: RecordHeaders, place: RecordPlace, facts?: SchemaFacts): Envelope {
  const at = `${place.topic}[${place.partition}]@${place.offset}`
  const said = soleTextOf(headers, headerNames.type, at, place)
  const type = said ?? facts?.type
  if (type === undefined) {
    throw new TroupeError(
      'TROUPE_ENVELOPE_INVALID',
      `The record at ${at} has no ${headerNames.type} header, so its event type is unknown. Let its producer set the CloudEvents headers.`,
      { details: whereIs(place) },
    )
  }
  refuseUnfit('type', type, at, place)
  const key = (said === undefined && facts ? facts.key() : place.key) || facts?.key()
  const correlationId = soleTextOf(headers, headerNames.correlationId, at, place) ?? key
  if (correlationId === undefined || correlationId === '') {
    throw new TroupeError(
      'TROUPE_ENVELOPE_INVALID',
      `${type} at ${at} has neither a ${headerNames.correlationId} header nor a key, so it belongs to no saga. Let its producer set one of them.`,
      { details: { ...whereIs(place), type } },
    )
  }
  const id =
    soleTextOf(headers, headerNames.id, at, place) ??
    `${place.topic}/${place.partition}/${place.offset}@${place.timestampMs}`
  const source = soleTextOf(headers, headerNames.source, at, place) ?? place.topic
  refuseUnfit('id', id, at, place)
  refuseUnfit('source', source, at, place)
  refuseUnfit('correlation id', correlationId, at, place)
  const time = Date.parse(textOf(headers[headerNames.time]) ?? '')
  return {
    id,
    type,
    source,
    timeMs: Number.isNaN(time) ? place.timestampMs : time,
    key: key ?? correlationId,
    correlationId,
    causationId: textOf(headers[headerNames.causationId]),
    ...traceOf(headers),
  }
}

/** Field by field: to spread the envelope costs more than to decode the data. */
export function eventOf(envelope: Envelope, data: object): Event {
  const { id, type, source, timeMs, key, correlationId, causationId, traceparent, tracestate } = envelope
  return { id, type, source, timeMs, key, correlationId, causationId, traceparent, tracestate, data }
}

/**
 * The trace context among headers, of a record or of a request.
 *
 * What is malformed is left out: it would travel on with everything that this causes.
 */
export function traceOf(headers: RecordHeaders): TraceContext {
  const traceparent = textOf(headers[headerNames.traceparent])
  if (traceparent === undefined || !traceparentForm.test(traceparent)) return untraced
  const tracestate = textOf(headers[headerNames.tracestate])
  return { traceparent, tracestate: tracestate && tracestateForm.test(tracestate) ? tracestate : undefined }
}

const untraced: TraceContext = { traceparent: undefined, tracestate: undefined }
/** W3C Trace Context, section 3.2: neither id may be all zeros; versions after 00 may append fields, ff is none. */
const ids = '-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}'
const traceparentForm = new RegExp(`^(?:00${ids}|(?!00|ff)[0-9a-f]{2}${ids}(?:-[ -~]{1,100})?)$`)
/** Section 3.3: printable ASCII; 512 characters are what everybody has to pass on. */
const tracestateForm = /^[ -~]{1,512}$/

function refuseUnfit(name: string, text: string, at: string, place: RecordPlace): void {
  const flaw = flawOfName(text)
  if (!flaw) return
  throw new TroupeError(
    'TROUPE_ENVELOPE_INVALID',
    `The ${name} of the record at ${at} ${flaw}. Let its producer set another.`,
    { details: whereIs(place) },
  )
}

/** Without the key, which may be as large as a record. */
function whereIs({ topic, partition, offset }: RecordPlace): Omit<RecordPlace, 'key' | 'timestampMs'> {
  return { topic, partition, offset }
}

/** Of a name that is there twice nobody knows which one counts. */
function soleTextOf(
  headers: RecordHeaders,
  name: string,
  at: string,
  place: RecordPlace,
): string | undefined {
  const value = headers[name]
  if (Array.isArray(value) && new Set(value.map(textOf)).size > 1) {
    throw new TroupeError(
      'TROUPE_ENVELOPE_INVALID',
      `The record at ${at} has the header ${name} ${value.length} times, with different values. Let its producer set it once.`,
      { details: { ...whereIs(place), header: name } },
    )
  }
  return textOf(value)
}

function textOf(value: RecordHeaders[string]): string | undefined {
  const one = Array.isArray(value)
    ? (value[0] as Uint8Array | string | undefined)
    : (value as Uint8Array | string | undefined)
  if (one === undefined || one === null) return undefined
  const text = typeof one === 'string' ? one : decoder.decode(one)
  return text === '' ? undefined : text
}

const decoder = new TextDecoder()

/** A batch's events share their time, and making its text is the dearest part of an envelope. */
function timeText(timeMs: number): string {
  if (timeMs !== lastTime.ms) lastTime = { ms: timeMs, text: new Date(timeMs).toISOString() }
  return lastTime.text
}

let lastTime = { ms: 0, text: new Date(0).toISOString() }
