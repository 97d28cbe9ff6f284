// Reading what a client sent: bodies and queries are checked here and nowhere else.
import { registryErrors, RegistryError } from './registry-error.ts'
import {
  compatibilities,
  modes,
  schemaTypes,
  type Compatibility,
  type Mode,
  type Reference,
  type SchemaInput,
} from './state.ts'

/** More references than this in one schema are refused. */
const referencesMax = 100

/**
 * The schema in a request's body.
 * @throws RegistryError 42201
 */
export function readSchema(body: unknown): SchemaInput {
  const { schema, schemaType = 'AVRO', references = [] } = readObject(body)
  if (typeof schema !== 'string') throw registryErrors.invalidSchema('the body needs a string "schema"')
  const type = schemaTypes.find((each) => each === (schemaType ?? 'AVRO'))
  if (!type) throw registryErrors.invalidSchema(`schemaType must be one of ${schemaTypes.join(', ')}`)
  const list: unknown = references ?? []
  if (!Array.isArray(list) || list.length > referencesMax) {
    throw registryErrors.invalidSchema(`references must be a list of at most ${referencesMax}`)
  }
  return { type, text: schema, references: list.map(readReference) }
}

function readReference(value: unknown): Reference {
  const { name, subject, version } = readObject(value)
  const isVersion = Number.isInteger(version) && (Number(version) >= 1 || version === -1)
  if (typeof name !== 'string' || typeof subject !== 'string' || !isVersion) {
    throw registryErrors.invalidSchema('a reference needs a name, a subject and a version')
  }
  return { name, subject, version: Number(version) }
}

/** @throws RegistryError 42203 */
export function readCompatibility(body: unknown): Compatibility {
  const { compatibility } = readObject(body)
  const found = compatibilities.find((each) => each === String(compatibility).toUpperCase())
  if (!found) throw registryErrors.invalidCompatibility(compatibility, compatibilities)
  return found
}

/** @throws RegistryError 42204 */
export function readMode(body: unknown): Mode {
  const { mode } = readObject(body)
  const found = modes.find((each) => each === String(mode).toUpperCase())
  if (!found) throw registryErrors.invalidMode(mode, modes)
  return found
}

function readObject(body: unknown): Record<string, unknown> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body))
    return body as Record<string, unknown>
  throw new RegistryError(400, 'The request needs a JSON object as its body.')
}

/** Whether a query parameter is set to true. */
export function isSet(query: unknown, name: string): boolean {
  return queryText(query, name) === 'true'
}

/** A query parameter's text; empty when it is absent. */
export function queryText(query: unknown, name: string): string {
  const value = (query as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : ''
}

/** An id in a path; 0, which is nobody's, when it is no number. */
export function readId(text: string): number {
  return /^\d{1,10}$/.test(text) ? Number(text) : 0
}
