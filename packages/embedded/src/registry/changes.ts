// Changes to the registry's state. Pure: each takes the state and returns the next, with its answer.
import {
  checkSchema,
  compatibilityOf,
  findVersion,
  incompatibilities,
  knownVersionsOf,
  modeOf,
  referencesTo,
  versionOf,
  versionsOf,
  type Visibility,
} from './lookups.ts'
import { registryErrors } from './registry-error.ts'
import {
  globally,
  type Compatibility,
  type Mode,
  type RegistryState,
  type SchemaInput,
  type Version,
} from './state.ts'

/** The next state, and what to tell the caller. */
export interface Change<T> {
  state: RegistryState
  answer: T
}

const living: Visibility = { includeDeleted: false }
const all: Visibility = { includeDeleted: true }

/**
 * Makes a schema the newest version of a subject; where it is a version already, says its id.
 * @throws RegistryError 409, 42201, 42205
 */
export function register(state: RegistryState, subject: string, input: SchemaInput): Change<number> {
  const checked = checkSchema(state, input)
  const existing = findVersion(state, subject, checked, living)
  if (existing) return { state, answer: existing.id }
  refuseWhenReadOnly(state, subject)
  const problems = incompatibilities(
    state,
    checked,
    versionsOf(state, subject, living),
    compatibilityOf(state, subject),
  )
  if (problems.length > 0) throw registryErrors.incompatible(subject, problems)
  const known = [...state.schemas.values()].find(({ key }) => key === checked.key)
  const id = known?.id ?? state.nextId
  const version = (state.lastVersions.get(subject) ?? 0) + 1
  const versions = [...(state.subjects.get(subject) ?? []), { version, id, isDeleted: false }]
  return {
    answer: id,
    state: {
      ...state,
      nextId: known ? state.nextId : id + 1,
      schemas: known ? state.schemas : withEntry(state.schemas, id, { ...checked, id }),
      subjects: withEntry(state.subjects, subject, versions),
      lastVersions: withEntry(state.lastVersions, subject, version),
    },
  }
}

/**
 * Deletes all versions of a subject: softly (they can still be read by id), and then for good.
 * @throws RegistryError 40401, 40404, 40405, 42205, 42206
 */
export function deleteSubject(state: RegistryState, subject: string, isPermanent: boolean): Change<number[]> {
  refuseWhenReadOnly(state, subject)
  const versions = knownVersionsOf(state, subject, all)
  const alive = versions.filter(({ isDeleted }) => !isDeleted)
  if (isPermanent && alive.length > 0) throw registryErrors.subjectNotSoftDeleted(subject)
  if (!isPermanent && alive.length === 0) throw registryErrors.subjectSoftDeleted(subject)
  const gone = isPermanent ? versions : alive
  for (const { version } of gone) refuseWhenReferred(state, subject, version, isPermanent)
  const next = isPermanent ? [] : versions.map((version) => ({ ...version, isDeleted: true }))
  return { state: withVersions(state, subject, next), answer: gone.map(({ version }) => version) }
}

/**
 * Deletes one version: softly, and then for good.
 * @throws RegistryError 40401, 40402, 40406, 40407, 42205, 42206
 */
export function deleteVersion(
  state: RegistryState,
  subject: string,
  wanted: number | 'latest',
  isPermanent: boolean,
): Change<number> {
  refuseWhenReadOnly(state, subject)
  const { version, isDeleted } = versionOf(
    state,
    subject,
    wanted,
    wanted === 'latest' && !isPermanent ? living : all,
  )
  if (isPermanent && !isDeleted) throw registryErrors.versionNotSoftDeleted(subject, version)
  if (!isPermanent && isDeleted) throw registryErrors.versionSoftDeleted(subject, version)
  refuseWhenReferred(state, subject, version, isPermanent)
  const versions = state.subjects.get(subject) ?? []
  const next = isPermanent
    ? versions.filter((each) => each.version !== version)
    : versions.map((each) => (each.version === version ? { ...each, isDeleted: true } : each))
  return { state: withVersions(state, subject, next), answer: version }
}

/** Sets the compatibility of a subject, or of all; undefined takes the setting away. */
export function setCompatibility(
  state: RegistryState,
  subject: string,
  value: Compatibility | undefined,
): Change<Compatibility> {
  const before = state.compatibility.get(subject)
  if (value === undefined && before === undefined && subject !== globally) {
    throw registryErrors.noSubjectCompatibility(subject)
  }
  const compatibility = withEntry(state.compatibility, subject, value)
  return { state: { ...state, compatibility }, answer: value ?? before ?? 'BACKWARD' }
}

/** Sets the mode of a subject, or of all; undefined takes the setting away. */
export function setMode(state: RegistryState, subject: string, value: Mode | undefined): Change<Mode> {
  const before = state.mode.get(subject)
  if (value === undefined && before === undefined && subject !== globally)
    throw registryErrors.noSubjectMode(subject)
  return {
    state: { ...state, mode: withEntry(state.mode, subject, value) },
    answer: value ?? before ?? 'READWRITE',
  }
}

function refuseWhenReadOnly(state: RegistryState, subject: string): void {
  const isOverridden = state.mode.get(globally) === 'READONLY_OVERRIDE'
  if (!isOverridden && modeOf(state, subject) === 'READWRITE') return
  throw registryErrors.notPermitted(`Subject '${subject}' is in read-only mode.`)
}

/** A softly deleted schema may lose what it refers to softly, too; for good only after itself. */
function refuseWhenReferred(
  state: RegistryState,
  subject: string,
  version: number,
  isPermanent: boolean,
): void {
  const ids = referencesTo(state, subject, version, isPermanent ? all : living)
  if (ids.length > 0) throw registryErrors.referenceExists(subject, version, ids)
}

/** Puts a subject's versions in place, and forgets schemas that no version holds any more. */
function withVersions(state: RegistryState, subject: string, versions: readonly Version[]): RegistryState {
  const subjects = withEntry(state.subjects, subject, versions.length === 0 ? undefined : versions)
  const used = new Set([...subjects.values()].flatMap((each) => each.map(({ id }) => id)))
  const schemas = new Map([...state.schemas].filter(([id]) => used.has(id)))
  return { ...state, subjects, schemas }
}

function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V | undefined): ReadonlyMap<K, V> {
  const next = new Map(map)
  if (value === undefined) next.delete(key)
  else next.set(key, value)
  return next
}
