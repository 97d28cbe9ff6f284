// Questions to the registry's state. Pure: each takes the state and answers or throws a RegistryError.
import type avro from 'avsc'
import { messageOf } from '../embedded-error.ts'
import { parseAvro, type NamedText } from './avro.ts'
import { problemsOf } from './compatibility.ts'
import { schemaKey } from './normalize.ts'
import { registryErrors } from './registry-error.ts'
import {
  globally,
  type Compatibility,
  type Mode,
  type Reference,
  type RegistryState,
  type SchemaInput,
  type StoredSchema,
  type Version,
} from './state.ts'

/** Every way of asking for versions says whether softly deleted ones count. */
export interface Visibility {
  includeDeleted: boolean
}

const livingOnly: Visibility = { includeDeleted: false }

/** A subject's versions, ascending; empty for an unknown subject. */
export function versionsOf(state: RegistryState, subject: string, { includeDeleted }: Visibility): Version[] {
  return (state.subjects.get(subject) ?? []).filter(({ isDeleted }) => includeDeleted || !isDeleted)
}

/** The same, but an unknown subject is an error. */
export function knownVersionsOf(state: RegistryState, subject: string, visibility: Visibility): Version[] {
  const versions = versionsOf(state, subject, visibility)
  if (versions.length === 0) throw registryErrors.subjectNotFound(subject)
  return versions
}

/** `latest`, `-1` or a number, as in a path. */
export function parseVersion(text: string): number | 'latest' {
  if (text === 'latest' || text === '-1') return 'latest'
  const version = /^\d{1,10}$/.test(text) ? Number(text) : 0
  if (version < 1 || version > 2 ** 31 - 1) throw registryErrors.invalidVersion(text)
  return version
}

/** One version of a subject. */
export function versionOf(
  state: RegistryState,
  subject: string,
  version: number | 'latest',
  visibility: Visibility = livingOnly,
): Version {
  const versions = knownVersionsOf(state, subject, visibility)
  const found = version === 'latest' ? versions.at(-1) : versions.find((each) => each.version === version)
  if (!found) throw registryErrors.versionNotFound(version)
  return found
}

/** The schema with an id. */
export function schemaById(state: RegistryState, id: number): StoredSchema {
  const schema = state.schemas.get(id)
  if (!schema) throw registryErrors.schemaNotFound(`Schema ${id} not found`)
  return schema
}

/** Where a schema is a version. */
export function usesOf(
  state: RegistryState,
  id: number,
  visibility: Visibility,
): { subject: string; version: number }[] {
  return [...state.subjects.keys()].flatMap((subject) =>
    versionsOf(state, subject, visibility)
      .filter((version) => version.id === id)
      .map(({ version }) => ({ subject, version })),
  )
}

/** Ids of the schemas that refer to a version and are a version of some subject themselves. */
export function referencesTo(
  state: RegistryState,
  subject: string,
  version: number,
  visibility: Visibility,
): number[] {
  return [...state.schemas.values()]
    .filter(({ references }) =>
      references.some((each) => each.subject === subject && each.version === version),
    )
    .filter(({ id }) => usesOf(state, id, visibility).length > 0)
    .map(({ id }) => id)
}

/** The compatibility that registering in a subject goes by. */
export function compatibilityOf(state: RegistryState, subject: string): Compatibility {
  return state.compatibility.get(subject) ?? state.compatibility.get(globally) ?? 'BACKWARD'
}

/** The mode that changing a subject goes by. */
export function modeOf(state: RegistryState, subject: string): Mode {
  return state.mode.get(subject) ?? state.mode.get(globally) ?? 'READWRITE'
}

/** A schema that is valid, with its references' versions settled. */
export interface CheckedSchema extends SchemaInput {
  key: string
}

/**
 * Checks that a schema can be read: the text and the references, whose version -1 becomes the latest.
 * @throws RegistryError 42201
 */
export function checkSchema(state: RegistryState, input: SchemaInput): CheckedSchema {
  const references = input.references.map((reference) => settle(state, reference))
  const checked = { ...input, references }
  if (input.type === 'AVRO') avroTypeOf(state, checked)
  else if (input.type === 'JSON') parseJson(input.text)
  else if (input.text.trim() === '') throw registryErrors.invalidSchema('the text is empty')
  return { ...checked, key: schemaKey(input.type, input.text, references) }
}

/** The version of a subject that holds this schema. */
export function findVersion(
  state: RegistryState,
  subject: string,
  { key }: CheckedSchema,
  visibility: Visibility,
): Version | undefined {
  const versions = versionsOf(state, subject, visibility)
  return versions.toReversed().find(({ id }) => state.schemas.get(id)?.key === key)
}

/**
 * Why a schema may not follow the given versions of a subject; empty when it may. JSON Schema and
 * Protobuf are not compared with each other (as if the compatibility were NONE); a change from one
 * kind of schema to another is always a problem.
 */
export function incompatibilities(
  state: RegistryState,
  candidate: SchemaInput,
  versions: readonly Version[],
  compatibility: Compatibility,
): string[] {
  if (compatibility === 'NONE' || versions.length === 0) return []
  const earlier = versions.map(({ version, id }) => ({ version, schema: schemaById(state, id) }))
  const compared = compatibility.endsWith('_TRANSITIVE') ? earlier : earlier.slice(-1)
  const other = compared.find(({ schema }) => schema.type !== candidate.type)
  if (other) {
    return [`version ${other.version} is ${other.schema.type} and the new schema is ${candidate.type}`]
  }
  if (candidate.type !== 'AVRO') return []
  const types = compared.map(({ version, schema }) => ({ version, type: avroTypeOf(state, schema) }))
  return problemsOf(avroTypeOf(state, candidate), types, compatibility)
}

function avroTypeOf(state: RegistryState, { text, references }: SchemaInput): avro.Type {
  return parseAvro(text, dependenciesOf(state, references, new Set()))
}

/** The schemas referred to, each after the ones it refers to itself, none twice. */
function dependenciesOf(
  state: RegistryState,
  references: readonly Reference[],
  seen: Set<number>,
): NamedText[] {
  return references.flatMap(({ name, subject, version }) => {
    const { id } = referredVersion(state, { name, subject, version })
    if (seen.has(id)) return []
    seen.add(id)
    const schema = schemaById(state, id)
    return [...dependenciesOf(state, schema.references, seen), { name, text: schema.text }]
  })
}

function settle(state: RegistryState, reference: Reference): Reference {
  return { ...reference, version: referredVersion(state, reference).version }
}

/** A registered schema keeps its references readable, so softly deleted versions count. */
function referredVersion(state: RegistryState, { name, subject, version }: Reference): Version {
  const versions = versionsOf(state, subject, { includeDeleted: true })
  const found = version === -1 ? versions.at(-1) : versions.find((each) => each.version === version)
  if (found) return found
  throw registryErrors.invalidSchema(
    `reference ${name}: there is no version ${version} of subject '${subject}'`,
  )
}

function parseJson(text: string): void {
  try {
    JSON.parse(text)
  } catch (error) {
    throw registryErrors.invalidSchema(messageOf(error))
  }
}
