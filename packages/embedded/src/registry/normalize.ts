import { createHash } from 'node:crypto'
import type { Reference, SchemaType } from './state.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Attributes of Avro schemas that hold schemas, and names of named types. */
const namedTypes = new Set(['record', 'error', 'enum', 'fixed'])
const primitives = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])

/**
 * A key that is equal for equal schemas.
 *
 * Equal means: the same type, the same references (in any order), and the same text after this:
 * Avro and JSON Schema are read as JSON, so white space and the order of attributes do not matter;
 * in Avro `{"type":"string"}` is `"string"`, and names are full names wherever they are written.
 * Everything else counts, `doc`, `aliases` and `default` included: a schema that only documents
 * more is a new version. Protobuf is compared as text with line ends and trailing space evened out.
 */
export function schemaKey(type: SchemaType, text: string, references: readonly Reference[]): string {
  const named = references.map(({ name, subject, version }) => JSON.stringify([name, subject, version]))
  const parts = [type, normalText(type, text), ...named.toSorted()]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}

function normalText(type: SchemaType, text: string): string {
  if (type === 'PROTOBUF') {
    const lines = text.split(/\r?\n/).map((line) => line.trimEnd())
    return lines.join('\n').trim()
  }
  const json = JSON.parse(text) as Json
  return JSON.stringify(sorted(type === 'AVRO' ? normalAvro(json, '') : json))
}

function normalAvro(schema: Json, namespace: string): Json {
  if (typeof schema === 'string') return fullName(schema, namespace)
  if (Array.isArray(schema)) return schema.map((branch) => normalAvro(branch, namespace))
  if (schema === null || typeof schema !== 'object') return schema
  const { type } = schema
  if (typeof type === 'string' && namedTypes.has(type)) return normalNamed(schema, namespace)
  if (type !== undefined && Object.keys(schema).length === 1) return normalAvro(type, namespace)
  const result = { ...schema }
  for (const attribute of ['type', 'items', 'values']) {
    const inner = result[attribute]
    const isKind = attribute === 'type' && (inner === 'array' || inner === 'map')
    if (inner !== undefined && !isKind) result[attribute] = normalAvro(inner, namespace)
  }
  return result
}

function normalNamed(schema: { [key: string]: Json }, outer: string): Json {
  const { namespace, name, fields, ...rest } = schema
  const own = typeof namespace === 'string' ? namespace : outer
  const full = typeof name === 'string' ? fullName(name, own) : (name ?? null)
  const inner = typeof full === 'string' ? full.slice(0, Math.max(0, full.lastIndexOf('.'))) : own
  if (!Array.isArray(fields)) return { ...rest, name: full }
  const normalFields = fields.map((field) => {
    if (field === null || typeof field !== 'object' || Array.isArray(field)) return field
    return field['type'] === undefined ? field : { ...field, type: normalAvro(field['type'], inner) }
  })
  return { ...rest, name: full, fields: normalFields }
}

function fullName(name: string, namespace: string): string {
  return primitives.has(name) || name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.keys(value)
    .toSorted()
    .map((key) => [key, sorted(value[key] ?? null)] as const)
  return Object.fromEntries(entries)
}
