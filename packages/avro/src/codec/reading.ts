// Bytes into events.
//
// By which schema a record was written is looked for in this order:
// 1. the name in its header, where there is one: this service's own, one that is known, and else what the
//    registry has under the record's id, if that one has this name;
// 2. what its id has meant so far: the one schema of the event's own record name among them;
// 3. what the registry has under the id.
//
// Invariants
// 1. A record is read with the schema that it was written with or not at all: where an id has had several
//    schemas of one name, and the record does not say which, it is refused.
// 2. An id in `lookups` is being asked for, once for everybody who wants it; it leaves when the answer is there.
// 3. An id in `denied` was denied a moment ago: the registry may learn it any time.

import type { Type } from 'avsc'
import {
  type AnyEventType,
  type DataOf,
  type HeaderValue,
  isTroupeError,
  type Log,
  TroupeError,
} from '@troupe/core'
import { typeOf } from './avsc-type.ts'
import { fingerprintOf, type KnownSchema, type KnownSchemas } from './known-schemas.ts'
import type { Patience } from './patience.ts'
import { type Read, readerOf } from './reader.ts'
import type { Registry } from './registry.ts'
import { asBuffer, schemaIdOf } from './wire-format.ts'

/** How long a registry's "no such id" is believed; not as long while somebody waits for it. */
const deniedMs = 5_000
const deniedWaitingMs = 500
const deniedMax = 1_000

/** How one event type is read. */
interface Reader {
  readonly own: KnownSchema
  readonly shortName: string
  readonly byName: Map<string, Read>
  readonly byId: Map<number, Read>
  /** Of the known schemas when `byId` was filled. */
  generation: number
}

export interface ReadingOptions {
  readonly registry: Registry
  readonly known: KnownSchemas
  readonly learn: (id: number, type: Type) => void
  readonly nameOf: (fingerprint: string) => string
  readonly patience: Patience
  readonly log: Log
}

export function openReading({ registry, known, learn, nameOf, patience, log }: ReadingOptions) {
  const readers = new WeakMap<AnyEventType, Reader>()
  const lookups = new Map<number, Promise<KnownSchema>>()
  const denied = new Map<number, number>()
  const anyName = nameOf('')
  /** Ids of JSON and Protobuf schemas: nobody here hears what was written with them. */
  const notAvro = new Set<number>()

  function readerFor(eventType: AnyEventType): Reader {
    let reader = readers.get(eventType)
    if (!reader) {
      const type = typeOf(eventType)
      const own = { id: 0, type, fingerprint: fingerprintOf(type) }
      const shortName = shortNameOf(type)
      reader = { own, shortName, byName: new Map(), byId: new Map(), generation: known.generation }
      readers.set(eventType, reader)
    }
    if (reader.generation !== known.generation) {
      reader.byId.clear()
      reader.generation = known.generation
    }
    return reader
  }

  function readWith(eventType: AnyEventType, { own }: Reader, { type }: KnownSchema, id: number): Read {
    return readerOf(eventType, own.type, type, id)
  }

  function byName<E extends AnyEventType>(eventType: E, bytes: Buffer, id: number, name: string) {
    const reader = readerFor(eventType)
    const read = reader.byName.get(name)
    if (read) return read(bytes) as DataOf<E>
    const remembering = (found: KnownSchema) => {
      const made = readWith(eventType, reader, found, id)
      reader.byName.set(name, made)
      return made(bytes) as DataOf<E>
    }
    if (name === nameOf(reader.own.fingerprint)) return remembering(reader.own)
    const written = known.byFingerprint(name.slice(anyName.length))
    if (written) return remembering(written)
    return lookUp(eventType.type, id).then((found) => {
      if (nameOf(found.fingerprint) !== name) throw denialOf(eventType.type, id, name)
      return remembering(found)
    })
  }

  function byId<E extends AnyEventType>(eventType: E, bytes: Buffer, id: number) {
    const reader = readerFor(eventType)
    const read = reader.byId.get(id)
    if (read) return read(bytes) as DataOf<E>
    const [first, second] = known.under(id).filter(({ type }) => shortNameOf(type) === reader.shortName)
    if (first && second) throw ambiguous(eventType.type, id)
    const remembering = (found: KnownSchema) => {
      const made = readWith(eventType, reader, found, id)
      readerFor(eventType).byId.set(id, made)
      return made(bytes) as DataOf<E>
    }
    if (first) return remembering(first)
    return lookUp(eventType.type, id).then(remembering)
  }

  /** @throws at once for an id that was denied a moment ago */
  function lookUp(type: string, id: number): Promise<KnownSchema> {
    if (id <= 0) throw unknownId(type, id)
    if ((denied.get(id) ?? 0) > performance.now()) throw denialOf(type, id)
    let lookup = lookups.get(id)
    if (!lookup) {
      log.debug({ schemaId: id, type }, 'looking up a schema')
      lookup = ask(type, id).finally(() => lookups.delete(id))
      lookups.set(id, lookup)
    }
    return lookup
  }

  async function ask(type: string, id: number): Promise<KnownSchema> {
    const found = await registry.schema(id)
    if (found) {
      if (denied.delete(id)) patience.restore()
      learn(id, found)
      return { id, type: found, fingerprint: fingerprintOf(found) }
    }
    throw denialOf(type, id)
  }

  /** What to say of an id that does not lead to the schema: that it may come, as long as patience lasts. */
  function denialOf(type: string, id: number, name?: string): TroupeError {
    const isLeft = patience.isLeft()
    if (denied.size >= deniedMax) denied.clear()
    if ((denied.get(id) ?? 0) <= performance.now())
      denied.set(id, performance.now() + (isLeft ? deniedWaitingMs : deniedMs))
    return isLeft ? awaited(type, id, name) : unknownId(type, id, name)
  }

  return {
    decode<E extends AnyEventType>(eventType: E, given: Uint8Array, schemaName?: HeaderValue) {
      const bytes = asBuffer(given)
      const id = schemaIdOf(bytes, eventType.type)
      const name = typeof schemaName === 'object' ? asBuffer(schemaName).toString('latin1') : schemaName
      // Others name their schemas in other ways.
      if (!name?.startsWith(anyName)) return byId(eventType, bytes, id)
      return byName(eventType, bytes, id, name)
    },
    recordNameIn(given: Uint8Array): string | Promise<string> {
      const id = schemaIdOf(asBuffer(given), aRecord)
      const names = new Set(known.under(id).map(({ type }) => fullNameOf(type)))
      if (names.size > 1) throw ambiguous(aRecord, id)
      const [name = notAvro.has(id) ? '' : undefined] = names
      if (name !== undefined) return name
      return lookUp(aRecord, id).then(
        ({ type }) => fullNameOf(type),
        (error: unknown) => {
          if (!isTroupeError(error) || error.details['isAvro'] !== false) throw error
          notAvro.add(id)
          return ''
        },
      )
    },
  }
}

/** A record whose type nobody said. */
const aRecord = 'A record without a type'

function fullNameOf({ name }: Type): string {
  return name ?? ''
}

function shortNameOf(type: Type): string {
  const name = fullNameOf(type)
  return name.slice(name.lastIndexOf('.') + 1)
}

function unknownId(type: string, id: number, name?: string): TroupeError {
  return new TroupeError(
    'TROUPE_SCHEMA_ID_UNKNOWN',
    `${type} names the schema of id ${id}${name === undefined ? ', which the registry does not have' : ` and ${name}, which is not what the registry has under that id`}. Look whether its producer uses another registry.`,
    { details: { type, schemaId: id, ...(name === undefined ? {} : { schemaName: name }) } },
  )
}

function awaited(type: string, id: number, name?: string): TroupeError {
  return new TroupeError(
    'TROUPE_SCHEMA_AWAITED',
    `${type} names the schema of id ${id}${name === undefined ? '' : ` and ${name}`}, which the registry does not have; it is waited for. Look whether the registry was emptied, and whether the owner of the event runs.`,
    { details: { type, schemaId: id, ...(name === undefined ? {} : { schemaName: name }) } },
  )
}

function ambiguous(type: string, id: number): TroupeError {
  return new TroupeError(
    'TROUPE_SCHEMA_MISMATCH',
    `${type} names the schema of id ${id}, which has meant several schemas since the registry was emptied, and does not say which of them in a ce_dataschema header. Let its producer publish it again.`,
    { details: { type, schemaId: id } },
  )
}
