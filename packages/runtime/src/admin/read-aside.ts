import {
  type AnyEventType,
  type Codec,
  type MendedValue,
  messageOf,
  type RawRecord,
  type Service,
} from '@troupe/core'
import { decode } from '../decode.ts'
import { problem } from '../problem.ts'
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
 * Writes data as the event that a dead letter holds, checked against the schema that this service hears it by.
 *
 * @throws a 422 problem if the service does not hear the event, if the data is of another key, or with the
 *   field's path if the schema refuses it
 */
export async function mend(
  service: Service,
  codec: Codec,
  { id, topic, type, was, data }: Mending,
): Promise<MendedValue> {
  const eventType = typeHeard(service, topic, type)
  if (!eventType) {
    throw problem({
      status: 422,
      detail: `${service.name} hears no ${type ?? 'event of unknown type'} of ${topic}, so there is no schema to check the data of ${id} against. Redrive it as it is, or discard it.`,
    })
  }
  const completed = refusing(() => complete(eventType, data))
  const [before, after] = [was === undefined ? undefined : eventType.keyOf(was), eventType.keyOf(completed)]
  if (before !== undefined && before !== after) {
    throw problem({
      status: 422,
      detail: `The data is of the key "${after}", and ${id} of "${before}". A mended event stays in the order of its key: leave the key as it was.`,
    })
  }
  await codec.register([eventType])
  return {
    value: refusing(() => codec.encode(eventType, completed)),
    schemaName: codec.schemaNameOf(eventType),
  }
}

export interface Mending {
  readonly id: string
  readonly topic: string
  readonly type: string | undefined
  /** The data as it came, where it could be read. */
  readonly was: object | undefined
  readonly data: object
}

function typeHeard(service: Service, topic: string, type: string | undefined): AnyEventType | undefined {
  return service.hears.find((one) => one.type === type && one.topic === topic)
}

function refusing<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw problem({ status: 422, detail: messageOf(error) })
  }
}
