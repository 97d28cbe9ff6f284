import { traceIdOf } from './tracing-context.ts'
import {
  type Codec,
  type Delivery,
  envelopeOf,
  freeze,
  type RawRecord,
  retryVerdictOf,
  type Service,
  traceOf,
  typeHeaderOf,
} from '@troupe/core'

/** A consumed record that concerns the service: something to react to, or something that cannot be read. */
export type Heard =
  | { readonly record: RawRecord; readonly delivery: Delivery; readonly failure?: undefined }
  | { readonly record: RawRecord; readonly delivery?: undefined; readonly failure: unknown }

/**
 * Picks out of a batch what the service hears, and decodes it. What it does not hear is passed over by
 * its type header, undecoded.
 *
 * @throws what the codec throws where waiting may help; bytes that will never decode come back as `failure`
 */
export async function decode(
  service: Service,
  codec: Codec,
  records: readonly RawRecord[],
): Promise<readonly Heard[]> {
  const heard: Heard[] = []
  for (const record of records) {
    const one = decodeOne(service, codec, record)
    if (one) heard.push(one instanceof Promise ? await one : one)
  }
  return heard
}

function decodeOne(service: Service, codec: Codec, record: RawRecord): Heard | Promise<Heard> | undefined {
  const type = typeHeaderOf(record.headers)
  const bound = type === undefined ? undefined : service.reactions.get(type)
  // The same name on another topic is another owner's event.
  const eventType = bound?.reaction.on.find((on) => on.type === type && on.topic === record.topic)
  if (type !== undefined && !eventType) return undefined
  try {
    const envelope = envelopeOf(record.headers, {
      topic: record.topic,
      partition: record.partition,
      offset: String(record.offset),
      key: record.key === null ? null : decoder.decode(record.key),
      timestampMs: record.timestampMs,
    })
    if (!bound || !eventType) throw new Error(`Nothing hears ${envelope.type}`)
    // Frozen: a batch may be decided more than once, and each time on the same events.
    const heardWith = (data: object): Heard => ({
      record,
      delivery: { form: 'event', event: Object.freeze({ ...envelope, data: freeze(data) }), bound },
    })
    const data: unknown = codec.decode(eventType, record.value ?? nothing)
    if (!(data instanceof Promise)) return heardWith(data as object)
    return (data as Promise<object>).then(heardWith, (error: unknown) => failed(record, error))
  } catch (error) {
    return failed(record, error)
  }
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
