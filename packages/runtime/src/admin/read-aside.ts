import {
  type AnyEventType,
  type Codec,
  headerNames,
  keyNameOf,
  type MendedValue,
  messageOf,
  type RawRecord,
  type Service,
  type StoredDeadLetter,
  typeHeaderOf,
} from '@troupe/core'
import { decode, envelopeIn } from '../batch/decode.ts'
import { problem } from '../http/problem.ts'
import type { Reading } from './shapes.ts'

/** Reads what a record says as its reaction would; what cannot be read says why. */
export async function readAside(service: Service, codec: Codec, record: RawRecord): Promise<Reading> {
  try {
    const [heard] = await decode(service, codec, [record], () => {})
    if (!heard) return unreadable(`${service.name} hears no such event any more`)
    if (!heard.delivery) return unreadable(messageOf(heard.failure))
    return { data: plain(heard.delivery.event.data), unreadable: null }
  } catch (error) {
    // The registry may be away: the letter is shown all the same.
    return unreadable(messageOf(error))
  }
}

function unreadable(why: string): Reading {
  return { data: null, unreadable: why }
}

/** As JSON can say it: integers beyond 2^53 as text, bytes as `{ base64 }`. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}

/** What {@link plain} made of bytes, as bytes. */
function unplain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unplain)
  if (typeof value !== 'object' || value === null) return value
  const [[name, inner] = [], second] = Object.entries(value)
  if (name === 'base64' && second === undefined && typeof inner === 'string')
    return new Uint8Array(Buffer.from(inner, 'base64'))
  return Object.fromEntries(Object.entries(value).map(([one, its]) => [one, unplain(its)]))
}

/** A record may have one field of the name `base64`: data that fits as it is stays as it is. */
function complete(eventType: AnyEventType, data: object): object {
  try {
    return eventType.complete(data) as object
  } catch {
    return eventType.complete(unplain(data)) as object
  }
}

/**
 * Checks data against the schema that this service hears a dead letter's event by.
 *
 * @returns the data as the event will have it, defaults filled in
 * @throws a 422 problem if the service does not hear the event, if the data is of another key, if the record
 *   could not be read with this data either, or with the field's path if the schema refuses it
 */
export function checkMended(service: Service, { letter, was, data }: Mending): Checked {
  const { id, record } = letter
  const eventType = typeHeard(service, letter, was)
  const completed = refusing(() => complete(eventType, data))
  refuseAnotherKey(eventType, completed, { letter, was })
  refusing(
    () => envelopeIn(record, eventType, completed),
    (why) => `With this data, ${id} could not be read either: ${why} Data mends no header. Discard it.`,
  )
  return { eventType, completed, shown: plain(completed) }
}

export interface Checked {
  readonly eventType: AnyEventType
  readonly completed: object
  /** As JSON can say it. */
  readonly shown: unknown
}

/** Writes data as the event that a dead letter holds. @throws as {@link checkMended} */
export async function mend(service: Service, codec: Codec, mending: Mending): Promise<MendedValue> {
  const { eventType, completed } = checkMended(service, mending)
  await codec.register([eventType])
  return {
    value: refusing(() => codec.encode(eventType, completed)),
    schemaName: codec.schemaNameOf(eventType),
  }
}

export interface Mending {
  readonly letter: StoredDeadLetter
  /** What could be read of it. */
  readonly was: Reading
  readonly data: object
}

/** Where its bytes say nothing, the headers may. */
function typeHeard(
  { name, hears }: Service,
  { id, topic, event, record }: StoredDeadLetter,
  { unreadable: why }: Reading,
): AnyEventType {
  const type = event?.type ?? typeHeaderOf(record.headers)
  const heard = hears.find((one) => one.type === type && one.topic === topic)
  if (heard) return heard
  throw problem({
    status: 422,
    detail:
      type === undefined
        ? `Nothing says which event ${id} is: it has no ${headerNames.type} header, and its bytes say nothing: ${why ?? 'their schema is none that is heard.'} So there is no schema to check the data against. Redrive it as it is, once it can be read, or discard it.`
        : `${name} hears no ${type} of ${topic}, so there is no schema to check the data of ${id} against. Redrive it as it is, or discard it.`,
  })
}

/** What was of one key stays in the order of it: of the key in the data that came, or of the record's. */
function refuseAnotherKey(
  eventType: AnyEventType,
  completed: object,
  { letter: { id, key, record }, was: { data: was } }: Pick<Mending, 'letter' | 'was'>,
): void {
  const after = eventType.keyOf(completed)
  const before = typeof was === 'object' && was !== null ? eventType.keyOf(was) : undefined
  if (after === before) return
  const isOfNoKey = record.key === null || record.key.length === 0
  if (isOfNoKey ? before === undefined : keyNameOf({ ...record, key: encoder.encode(after) }) === key) return
  throw problem({
    status: 422,
    detail: `The data is of the key "${after}", and ${id} of "${before ?? key}". A mended event stays in the order of its key: leave the key as it was.`,
  })
}

const encoder = new TextEncoder()

function refusing<T>(make: () => T, detailOf: (why: string) => string = (why) => why): T {
  try {
    return make()
  } catch (error) {
    throw problem({ status: 422, detail: detailOf(messageOf(error)) })
  }
}
