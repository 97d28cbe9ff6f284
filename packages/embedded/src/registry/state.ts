// What the registry knows, as one immutable value; every change is a function from it to the next.
//
// Invariants
// 1. An id is never given out twice, and always means the same schema.
// 2. The same schema (type, normalised text, references) has one id, whichever subjects it is in.
// 3. Versions of a subject are ascending and never reused, also after a permanent deletion of one.
// Owner: server.ts holds the current value and lets one change at a time through.

/** The kinds of schema that can be registered. */
export const schemaTypes = ['JSON', 'PROTOBUF', 'AVRO'] as const
export type SchemaType = (typeof schemaTypes)[number]

/** Which schemas a new version is compared with, and in which direction. */
export const compatibilities = [
  'NONE',
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
] as const
export type Compatibility = (typeof compatibilities)[number]

/** Whether a subject may change. IMPORT (registering with ids of another registry) is not offered. */
export const modes = ['READWRITE', 'READONLY', 'READONLY_OVERRIDE'] as const
export type Mode = (typeof modes)[number]

/** A schema that another one needs, by the name it is used under. */
export interface Reference {
  name: string
  subject: string
  version: number
}

/** A schema as a client hands it in. */
export interface SchemaInput {
  type: SchemaType
  text: string
  references: readonly Reference[]
}

/** A schema with its id; `key` is equal for equal schemas. */
export interface StoredSchema extends SchemaInput {
  id: number
  key: string
}

/** One version of a subject. */
export interface Version {
  version: number
  id: number
  isDeleted: boolean
}

/** Everything the registry knows. */
export interface RegistryState {
  nextId: number
  schemas: ReadonlyMap<number, StoredSchema>
  subjects: ReadonlyMap<string, readonly Version[]>
  /** The highest version a subject ever had, kept when its versions go. */
  lastVersions: ReadonlyMap<string, number>
  /** The empty key holds the global setting. */
  compatibility: ReadonlyMap<string, Compatibility>
  mode: ReadonlyMap<string, Mode>
}

/** The key under which settings that hold for all subjects are kept. */
export const globally = ''

/** A registry that knows nothing yet. */
export const emptyState: RegistryState = {
  nextId: 1,
  schemas: new Map(),
  subjects: new Map(),
  lastVersions: new Map(),
  compatibility: new Map(),
  mode: new Map(),
}

/** The state as JSON text, and back. */
export function serialize(state: RegistryState): string {
  return JSON.stringify({
    format: 1,
    nextId: state.nextId,
    schemas: [...state.schemas.values()],
    subjects: [...state.subjects],
    lastVersions: [...state.lastVersions],
    compatibility: [...state.compatibility],
    mode: [...state.mode],
  })
}

/** @throws Error for text that `serialize` did not write. */
export function deserialize(text: string): RegistryState {
  const saved = JSON.parse(text) as {
    format: number
    nextId: number
    schemas: StoredSchema[]
    subjects: [string, Version[]][]
    lastVersions: [string, number][]
    compatibility: [string, Compatibility][]
    mode: [string, Mode][]
  }
  if (saved.format !== 1) throw new Error(`unknown format ${String(saved.format)}`)
  return {
    nextId: saved.nextId,
    schemas: new Map(saved.schemas.map((schema) => [schema.id, schema])),
    subjects: new Map(saved.subjects),
    lastVersions: new Map(saved.lastVersions),
    compatibility: new Map(saved.compatibility),
    mode: new Map(saved.mode),
  }
}
