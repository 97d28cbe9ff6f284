// Events into bytes, and what is known of the schemas that they are written with.
//
// | state of a type | encode                     | register        | the registry was emptied |
// |-----------------|----------------------------|-----------------|--------------------------|
// | (not said)      | TROUPE_EVENT_INVALID       | awaited         | -                        |
// | awaited         | TROUPE_SCHEMA_AWAITED      | registered      | -                        |
// | remembered      | under the id of last time  | registered      | remembered               |
// | registered      | under the registry's id    | -               | remembered               |
//
// Invariants
// 1. Only a type that this service says is encoded, and only under an id that a registry gave to its schema.
// 2. `scratch` holds one event during one call of `encode`, which is synchronous, and never leaves it.

import type { Type } from 'avsc'
import { type AnyEventType, isTroupeError, type Log, messageOf, TroupeError } from '@troupe/core'
import { typeOf } from './avsc-type.ts'
import { fingerprintOf, type KnownSchema, type KnownSchemas } from './known-schemas.ts'
import type { Registry } from './registry.ts'
import { headerBytes, writeHeader } from './wire-format.ts'

/** An event type of this service whose schema the registry has not confirmed. */
export interface UnregisteredSchema {
  readonly type: string
  /** `remembered`: written under the id of last time. `awaited`: cannot be written. */
  readonly state: 'remembered' | 'awaited'
  /** What the registry said last. */
  readonly error?: string
}

interface Writer {
  readonly type: Type
  /** For the header of records. */
  readonly name: string
  readonly fingerprint: string
  id: number | undefined
  isRegistered: boolean
  error: unknown
}

const registrationsAtOnceMax = 8
const scratchBytes = 64 * 1024
/** A scratch buffer that one large event made larger than this is given back. */
const scratchBytesMax = 1024 * 1024

export function openWriting({
  registry,
  known,
  learn,
  nameOf,
  log,
}: {
  readonly registry: Registry
  readonly known: KnownSchemas
  readonly learn: (id: number, type: Type) => void
  readonly nameOf: (fingerprint: string) => string
  readonly log: Log
}) {
  const writers = new Map<AnyEventType, Writer>()
  let scratch = Buffer.allocUnsafeSlow(scratchBytes)

  function writerOf(eventType: AnyEventType): Writer {
    let writer = writers.get(eventType)
    if (writer) return writer
    const type = typeOf(eventType)
    const fingerprint = fingerprintOf(type)
    writer = {
      type,
      fingerprint,
      name: nameOf(fingerprint),
      id: known.byFingerprint(fingerprint)?.id,
      isRegistered: false,
      error: undefined,
    }
    writers.set(eventType, writer)
    return writer
  }

  async function registerOne(eventType: AnyEventType): Promise<void> {
    const writer = writerOf(eventType)
    try {
      const id = await registry.register(eventType)
      if (writer.id !== undefined && writer.id !== id) {
        log.warn(
          { type: eventType.type, before: writer.id, schemaId: id },
          `The registry has given the schema of ${eventType.type} the id ${id}; it was ${writer.id}. It is written under the new one from now on.`,
        )
      }
      writer.id = id
      writer.isRegistered = true
      writer.error = undefined
      learn(id, writer.type)
      log.debug({ type: eventType.type, schemaId: id }, 'schema registered')
    } catch (error) {
      writer.error = error
      throw error
    }
  }

  async function register(types: readonly AnyEventType[]): Promise<void> {
    const each = [...new Set(types)]
    for (const type of each) writerOf(type)
    const open = each.filter((type) => !writers.get(type)?.isRegistered)
    for (let start = 0; start < open.length; start += registrationsAtOnceMax) {
      const some = open.slice(start, start + registrationsAtOnceMax)
      const settled = await Promise.allSettled(some.map(registerOne))
      const failed = settled.find((one) => one.status === 'rejected')
      if (failed) throw failed.reason
    }
  }

  function write(id: number, type: Type, data: object): Uint8Array {
    for (;;) {
      const end = type.encode(data, scratch, headerBytes)
      if (end < 0) {
        // What is missing, as avsc says.
        scratch = Buffer.allocUnsafeSlow(scratch.length - end)
        continue
      }
      writeHeader(scratch, id)
      const bytes = Buffer.allocUnsafe(end)
      scratch.copy(bytes, 0, 0, end)
      if (scratch.length > scratchBytesMax) scratch = Buffer.allocUnsafeSlow(scratchBytes)
      return bytes
    }
  }

  function encode(eventType: AnyEventType, data: object): Uint8Array {
    const writer = writers.get(eventType)
    if (!writer) refuseUnsaid(eventType)
    const { id, type } = writer
    if (id === undefined) return refuseAwaited(eventType, writer)
    try {
      return write(id, type, data)
    } catch {
      return writeChecked(eventType, id, type, data)
    }
  }

  /** avsc says what is wrong, but not where; the event's own check does. */
  function writeChecked(eventType: AnyEventType, id: number, type: Type, data: object): Uint8Array {
    const complete = eventType.complete(data) as object
    try {
      return write(id, type, complete)
    } catch (cause) {
      throw new TroupeError(
        'TROUPE_EVENT_INVALID',
        `${eventType.type} cannot be written: ${messageOf(cause)}. Correct what emits it.`,
        { cause, details: { type: eventType.type } },
      )
    }
  }

  return {
    register,
    encode,
    schemaNameOf: (type: AnyEventType) => writerOf(type).name,
    /** Told of schemas that were known before. */
    remember({ id, fingerprint }: KnownSchema): void {
      for (const writer of writers.values())
        if (writer.fingerprint === fingerprint && !writer.isRegistered) writer.id = id
    },
    /** Told that the registry has lost what it had: everything is registered anew. */
    forgetRegistrations(): void {
      for (const writer of writers.values()) writer.isRegistered = false
    },
    types: (): readonly AnyEventType[] => [...writers.keys()],
    fingerprints: (): ReadonlySet<string> =>
      new Set([...writers.values()].map(({ fingerprint }) => fingerprint)),
    unregistered(): readonly UnregisteredSchema[] {
      return [...writers].flatMap(([{ type }, { id, isRegistered, error }]) => {
        if (isRegistered) return []
        const said = error === undefined ? {} : { error: messageOf(error) }
        return [{ type, state: id === undefined ? ('awaited' as const) : ('remembered' as const), ...said }]
      })
    },
  }
}

function refuseUnsaid({ type }: AnyEventType): never {
  throw new TroupeError(
    'TROUPE_EVENT_INVALID',
    `${type} cannot be written, because its schema was not registered. List it among what the service emits.`,
    { details: { type } },
  )
}

function refuseAwaited({ type }: AnyEventType, { error }: Writer): never {
  const isAway = error === undefined || isTroupeError(error, 'TROUPE_REGISTRY_UNREACHABLE')
  throw new TroupeError(
    'TROUPE_SCHEMA_AWAITED',
    `${type} cannot be written before its schema is registered, which is tried again: ${
      isAway ? 'the registry is away.' : messageOf(error)
    }`,
    { cause: error, details: { type } },
  )
}
