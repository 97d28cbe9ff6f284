// State of a codec, all of it a cache of what the registry said:
// 1. A type in `writers` was registered by this codec: its id is the registry's. Only such a type is encoded.
// 2. An id in `schemas` never changes its schema, so nothing is ever dropped from there.
// 3. An id in `lookups` is being asked for, once for everybody who wants it; it leaves when the answer is there.
// 4. An id in `unknownIds` was denied less than `unknownIdMs` ago: the registry may learn it any moment.
// 5. `scratch` holds one event during one call of `encode`, which is synchronous, and never leaves it.
import type { Type } from 'avsc'
import { type AnyEventType, type Codec, type DataOf, type Log, messageOf, TroupeError } from '@troupe/core'
import { typeOf } from './avsc-type.ts'
import { type Read, readerOf } from './reader.ts'
import { type Compatibility, type Registry, registryAt } from './registry.ts'
import { registryAddress, type RegistryAccess } from './registry-address.ts'
import { headerBytes, schemaIdOf, writeHeader } from './wire-format.ts'

export interface CodecOptions extends RegistryAccess {
  /** For one request to the registry. Default: 5,000. */
  readonly timeoutMs?: number
  /** What is set for subjects that are new. Default: `FULL`. */
  readonly compatibility?: Compatibility
  /** Goes, with a dot, before the name of every subject, so that several companies share one registry. Default: none. */
  readonly namespace?: string
  readonly log: Log
}

/** How long a registry's "no such id" is believed. */
const unknownIdMs = 5_000
const unknownIdsMax = 1_000
const registrationsAtOnceMax = 8
const scratchBytes = 64 * 1024
/** A scratch buffer that one large event made larger than this is given back. */
const scratchBytesMax = 1024 * 1024

interface Writer {
  readonly id: number
  readonly type: Type
}

interface Reader {
  readonly type: Type
  readonly reads: Map<number, Read>
}

/**
 * Makes the codec of Confluent wire format over a Schema Registry. Connects to nothing until it is used.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID` for a URL that is none.
 */
export function createCodec(options: CodecOptions): Codec {
  const { timeoutMs = 5_000, compatibility = 'FULL', namespace, log } = options
  const registry = registryAt({
    address: registryAddress(options),
    timeoutMs,
    compatibility,
    namespace,
    log,
  })
  const schemas = new Map<number, Type>()
  const { register, encode } = openWriting(registry, schemas, log)
  return { register, encode, decode: openReading(registry, schemas, log) }
}

function openWriting(registry: Registry, schemas: Map<number, Type>, log: Log) {
  const writers = new Map<AnyEventType, Writer>()
  let scratch = Buffer.allocUnsafeSlow(scratchBytes)

  async function registerOne(type: AnyEventType): Promise<void> {
    const avscType = typeOf(type)
    const id = await registry.register(type)
    writers.set(type, { id, type: avscType })
    schemas.set(id, avscType)
    log.debug({ type: type.type, schemaId: id }, 'schema registered')
  }

  async function register(types: readonly AnyEventType[]): Promise<void> {
    const open = [...new Set(types)].filter((type) => !writers.has(type))
    for (let start = 0; start < open.length; start += registrationsAtOnceMax) {
      const some = open.slice(start, start + registrationsAtOnceMax)
      const settled = await Promise.allSettled(some.map(registerOne))
      const failed = settled.find((one) => one.status === 'rejected')
      if (failed) throw failed.reason
    }
  }

  function write(writer: Writer, data: object): Uint8Array {
    for (;;) {
      const end = writer.type.encode(data, scratch, headerBytes)
      if (end < 0) {
        // What is missing, as avsc says.
        scratch = Buffer.allocUnsafeSlow(scratch.length - end)
        continue
      }
      writeHeader(scratch, writer.id)
      const bytes = Buffer.allocUnsafe(end)
      scratch.copy(bytes, 0, 0, end)
      if (scratch.length > scratchBytesMax) scratch = Buffer.allocUnsafeSlow(scratchBytes)
      return bytes
    }
  }

  function encode(type: AnyEventType, data: object): Uint8Array {
    const writer = writers.get(type)
    if (!writer) {
      throw new TroupeError(
        'TROUPE_EVENT_INVALID',
        `${type.type} cannot be written, because its schema was not registered. List it among what the service emits.`,
        { details: { type: type.type } },
      )
    }
    try {
      return write(writer, data)
    } catch {
      return writeChecked(type, writer, data)
    }
  }

  /** avsc says what is wrong, but not where; the event's own check does. */
  function writeChecked(type: AnyEventType, writer: Writer, data: object): Uint8Array {
    const complete = type.complete(data) as object
    try {
      return write(writer, complete)
    } catch (cause) {
      throw new TroupeError(
        'TROUPE_EVENT_INVALID',
        `${type.type} cannot be written: ${messageOf(cause)}. Correct what emits it.`,
        { cause, details: { type: type.type } },
      )
    }
  }

  return { register, encode }
}

function openReading(registry: Registry, schemas: Map<number, Type>, log: Log): Codec['decode'] {
  const readers = new WeakMap<AnyEventType, Reader>()
  const lookups = new Map<number, Promise<Type>>()
  const unknownIds = new Map<number, number>()

  function readFor(eventType: AnyEventType, id: number, writer: Type): Read {
    let reader = readers.get(eventType)
    if (!reader) readers.set(eventType, (reader = { type: typeOf(eventType), reads: new Map() }))
    const read = readerOf(eventType, reader.type, writer, id)
    reader.reads.set(id, read)
    return read
  }

  function lookUp(eventType: AnyEventType, id: number): Promise<Type> {
    if (id <= 0 || (unknownIds.get(id) ?? 0) > performance.now()) throw unknownId(eventType, id)
    let lookup = lookups.get(id)
    if (!lookup) {
      log.debug({ schemaId: id, type: eventType.type }, 'looking up a schema')
      lookup = ask(eventType, id).finally(() => lookups.delete(id))
      lookups.set(id, lookup)
    }
    return lookup
  }

  async function ask(eventType: AnyEventType, id: number): Promise<Type> {
    const schema = await registry.schema(id)
    if (schema) {
      schemas.set(id, schema)
      unknownIds.delete(id)
      return schema
    }
    if (unknownIds.size >= unknownIdsMax) unknownIds.clear()
    unknownIds.set(id, performance.now() + unknownIdMs)
    throw unknownId(eventType, id)
  }

  return <E extends AnyEventType>(eventType: E, given: Uint8Array) => {
    const bytes = asBuffer(given)
    const id = schemaIdOf(bytes, eventType)
    const known = readers.get(eventType)?.reads.get(id)
    if (known) return known(bytes) as DataOf<E>
    const writer = schemas.get(id)
    if (writer) return readFor(eventType, id, writer)(bytes) as DataOf<E>
    return lookUp(eventType, id).then((found) => readFor(eventType, id, found)(bytes) as DataOf<E>)
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function unknownId({ type }: AnyEventType, id: number): TroupeError {
  return new TroupeError(
    'TROUPE_SCHEMA_ID_UNKNOWN',
    `${type} names the schema of id ${id}, which the registry does not have. Look whether its producer uses another registry.`,
    { details: { type, schemaId: id } },
  )
}
