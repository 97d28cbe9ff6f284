// What this process knows of writers' schemas.
//
// Invariants
// 1. A fingerprint means one schema for ever. An id does not: a registry that was emptied gives its ids
//    out anew, so that an id may have several schemas, the one learned last at the end.
// 2. Nothing is ever forgotten: an event from before that day names its id as ever.
// 3. `generation` goes up whenever an id gets a schema more: what was concluded from ids before is void.

import { createHash } from 'node:crypto'
import avsc from 'avsc'
import type { Type } from 'avsc'
import type { StoredSchema } from '@troupe/core'

export interface KnownSchema {
  readonly id: number
  readonly fingerprint: string
  readonly type: Type
}

export interface KnownSchemas {
  readonly generation: number
  /** The schemas that an id has had, the one learned last at the end. */
  under(id: number): readonly KnownSchema[]
  byFingerprint(fingerprint: string): KnownSchema | undefined
  /** Every schema that is known, under the id that it got last. */
  all(): readonly KnownSchema[]
  /** True if it is news, or the id had another schema last. */
  learn(id: number, type: Type): boolean
}

/** Knows nothing at first. */
export function createKnownSchemas(): KnownSchemas {
  const byId = new Map<number, KnownSchema[]>()
  const byFingerprint = new Map<string, KnownSchema>()
  let generation = 0
  return {
    get generation() {
      return generation
    },
    under: (id) => byId.get(id) ?? [],
    byFingerprint: (fingerprint) => byFingerprint.get(fingerprint),
    all: () => [...byFingerprint.values()],
    learn(id, type) {
      const fingerprint = fingerprintOf(type)
      const before = byId.get(id) ?? []
      if (before.at(-1)?.fingerprint === fingerprint) return false
      const one = { id, fingerprint, type: byFingerprint.get(fingerprint)?.type ?? type }
      byId.set(id, [...before.filter((other) => other.fingerprint !== fingerprint), one])
      // The id that a schema got last is the one that it has today.
      byFingerprint.set(fingerprint, one)
      generation++
      return true
    },
  }
}

const fingerprintDigits = 16

/**
 * Names a schema as a writer's: of its Parsing Canonical Form, so that docs and defaults do not count.
 * Source: Avro 1.12, "Schema Fingerprints"; SHA-256, the first 64 bits.
 */
export function fingerprintOf(type: Type): string {
  return createHash('sha256').update(JSON.stringify(type.schema())).digest('hex').slice(0, fingerprintDigits)
}

/** As a ledger keeps it. */
export function storedOf({ id, fingerprint, type }: KnownSchema): StoredSchema {
  return { id, fingerprint, schema: JSON.stringify(type.schema({ exportAttrs: true })) }
}

/** @throws whatever avsc finds wrong with it */
export function typeIn({ schema }: StoredSchema): Type {
  return avsc.Type.forSchema(JSON.parse(schema) as avsc.Schema)
}
