// The codec of one process: writing, reading, and the watch over the registry that both stand on.

import type { Type } from 'avsc'
import type { Codec, Log, StoredSchema } from '@troupe/core'
import { createKnownSchemas, storedOf, typeIn } from './known-schemas.ts'
import { createPatience } from './patience.ts'
import { openReading } from './reading.ts'
import { type Compatibility, registryAt } from './registry.ts'
import { registryAddress, type RegistryAccess } from './registry-address.ts'
import { watchRegistry } from './watch-registry.ts'
import { openWriting, type UnregisteredSchema } from './writing.ts'

export interface CodecOptions extends RegistryAccess {
  /** For one request to the registry. Default: 5,000. */
  readonly timeoutMs?: number
  /** What is set for subjects that are new. Default: `FULL`. */
  readonly compatibility?: Compatibility
  /** Goes, with a dot, before the name of every subject, so that several companies share one registry. Default: none. */
  readonly namespace?: string
  /** How long an event is told to wait for a schema that the registry does not have. Default: not at all. */
  readonly unknownSchemaWaitMs?: number
  readonly log: Log
}

/** A codec over a Schema Registry, and what it knows of it. */
export interface AvroCodec extends Codec {
  /** Takes in what was known before, the one learned last at the end: for when the registry cannot be asked. */
  remember(schemas: readonly StoredSchema[]): void
  /** What was learned from the registry since this was asked last, to be kept and remembered. */
  takeLearned(): readonly StoredSchema[]
  /** The types of this service whose schemas the registry has not confirmed. */
  unregistered(): readonly UnregisteredSchema[]
  /**
   * One question to the registry: whether it still has one of the schemas that are known, another one each
   * time. If it has lost one of this service's, or has another under its id, all of them are registered anew.
   *
   * @returns how often the registry was found to have lost something, so far
   * @throws TroupeError `TROUPE_REGISTRY_UNREACHABLE`, `TROUPE_ACCESS_DENIED`; what `register` throws
   */
  checkRegistry(): Promise<number>
}

/** The scheme of schema names: `avro:` and the fingerprint. */
const nameOf = (fingerprint: string) => `avro:${fingerprint}`

/**
 * Makes the codec of Confluent wire format over a Schema Registry. Connects to nothing until it is used.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID` for a URL that is none.
 */
export function createCodec(options: CodecOptions): AvroCodec {
  const { timeoutMs = 5_000, compatibility = 'FULL', namespace, unknownSchemaWaitMs = 0, log } = options
  const address = registryAddress(options)
  const registry = registryAt({ address, timeoutMs, compatibility, namespace, log })
  const known = createKnownSchemas()
  const patience = createPatience({ waitMs: unknownSchemaWaitMs, now: () => performance.now() })
  let learned: StoredSchema[] = []

  function learn(id: number, type: Type): void {
    const before = known.under(id).at(-1)
    if (!known.learn(id, type)) return
    const one = known.under(id).at(-1)
    if (one) learned.push(storedOf(one))
    if (before) {
      log.warn(
        { schemaId: id, before: before.fingerprint, now: one?.fingerprint },
        `The schema id ${id} means ${String(type.name)} now, and was ${String(before.type.name)} of another form: the registry was emptied or replaced. Events that say by which schema they were written are read as before.`,
      )
    }
  }

  const shared = { registry, known, learn, nameOf, log }
  const writing = openWriting(shared)
  const reading = openReading({ ...shared, patience })

  return {
    register: writing.register,
    encode: writing.encode,
    schemaNameOf: writing.schemaNameOf,
    decode: reading.decode,
    recordNameIn: reading.recordNameIn,
    remember(schemas) {
      for (const schema of schemas) known.learn(schema.id, typeIn(schema))
      for (const one of known.all()) writing.remember(one)
    },
    takeLearned() {
      const taken = learned
      learned = []
      return taken
    },
    unregistered: writing.unregistered,
    checkRegistry: watchRegistry({ address, timeoutMs, ...shared, writing, onLoss: patience.restore }),
  }
}
