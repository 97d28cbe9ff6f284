import { TroupeError } from '@troupe/core'
import type { EnumShape, FieldShape, FixedShape, RecordShape, Shape } from './shape.ts'

/** Where parsing stands: what has been defined so far, and for error messages the place. */
interface Place {
  /** The file, or the event: how messages begin. */
  readonly where: string
  /** Field names from the top, joined by dots; empty at the top. */
  readonly path: string
  /** The namespace that unqualified names belong to. */
  readonly namespace: string
  /** Named types by full name. */
  readonly named: Map<string, Shape>
}

const plainKinds = new Set(['boolean', 'string', 'int', 'long', 'float', 'double', 'bytes'])

/**
 * Logical types that are a number in a unit and need no check of their own beyond the underlying type's.
 * `uuid` and `timestamp-millis` are kinds of shapes.
 */
const plainLogicalTypes: ReadonlyMap<string, string> = new Map([
  ['date', 'int'],
  ['time-millis', 'int'],
  ['time-micros', 'long'],
  ['timestamp-micros', 'long'],
  ['local-timestamp-millis', 'long'],
  ['local-timestamp-micros', 'long'],
])

/**
 * Reads an Avro record schema (parsed JSON) of an event.
 *
 * @param where how messages name the schema: a file, or `The schema of OrderReceived`
 * @throws TroupeError `TROUPE_SCHEMA_INVALID` naming the schema, the field and what to write instead.
 */
export function parseSchema(schema: unknown, where: string): RecordShape {
  const place: Place = { where, path: '', namespace: '', named: new Map() }
  if (!isObject(schema) || schema['type'] !== 'record') {
    refuse(place, 'is not an Avro record. Write { "type": "record", "name": …, "fields": […] }.')
  }
  return parseRecord(schema, place)
}

/** Refuses a schema, or the field at `path`. */
export function refuseSchema(where: string, path: string, problem: string): never {
  throw new TroupeError(
    'TROUPE_SCHEMA_INVALID',
    `${where} is refused: ${path === '' ? 'it' : `field ${path}`} ${problem}`,
    { details: { where, path } },
  )
}

function refuse(place: Place, problem: string): never {
  refuseSchema(place.where, place.path, problem)
}

function parse(schema: unknown, place: Place): Shape {
  if (typeof schema === 'string') return parseName(schema, place)
  if (Array.isArray(schema)) return parseUnion(schema, place)
  if (!isObject(schema)) refuse(place, `has the type ${JSON.stringify(schema)}, which is no Avro type.`)
  const { type } = schema
  if (schema['logicalType'] !== undefined) return parseLogical(schema, place)
  switch (type) {
    case 'record':
      return parseRecord(schema, place)
    case 'enum':
      return parseEnum(schema, place)
    case 'fixed':
      return parseFixed(schema, place)
    case 'array':
      return { kind: 'array', items: parse(schema['items'], place) }
    case 'map':
      return { kind: 'map', values: parse(schema['values'], place) }
    default:
      if (typeof type === 'string' && plainKinds.has(type)) return parseName(type, place)
      return refuse(place, `has the type ${JSON.stringify(type)}, which Troupe does not know.`)
  }
}

function parseName(name: string, place: Place): Shape {
  if (plainKinds.has(name)) return { kind: name } as Shape
  if (name === 'null') refuse(place, 'can only be null. Write ["null", T], or leave it out.')
  const full = name.includes('.') || place.namespace === '' ? name : `${place.namespace}.${name}`
  const known = place.named.get(full)
  if (!known) {
    refuse(
      place,
      `has the type ${JSON.stringify(name)}, which is defined nowhere before it. A schema file stands alone: define the type in it.`,
    )
  }
  return known
}

function parseUnion(branches: readonly unknown[], place: Place): Shape {
  const [first, second] = branches
  const isNullFirst = isNull(first)
  if (branches.length !== 2 || isNullFirst === isNull(second)) {
    refuse(
      place,
      'is a union of other than null and one type. Write ["null", T]; for a choice between types, use several fields or several events.',
    )
  }
  return { kind: 'nullable', of: parse(isNullFirst ? second : first, place), isNullFirst }
}

function isNull(branch: unknown): boolean {
  return branch === 'null' || (isObject(branch) && branch['type'] === 'null')
}

function parseLogical(schema: Record<string, unknown>, place: Place): Shape {
  const { type, logicalType } = schema
  if (logicalType === 'decimal') {
    refuse(
      place,
      'is a decimal, which JavaScript cannot hold exactly. Use an integer of minor units, such as a long of cents.',
    )
  }
  if (logicalType === 'uuid' && type === 'string') return { kind: 'uuid' }
  if (logicalType === 'timestamp-millis' && type === 'long') return { kind: 'timestamp-millis' }
  const underlying = typeof logicalType === 'string' ? plainLogicalTypes.get(logicalType) : undefined
  if (underlying !== undefined && underlying === type) return parseName(underlying, place)
  return refuse(
    place,
    `has the logical type ${JSON.stringify(logicalType)} on ${JSON.stringify(type)}, which Troupe does not know. Check the spelling, or leave logicalType out.`,
  )
}

function parseRecord(schema: Record<string, unknown>, place: Place): RecordShape {
  const { full, namespace } = nameOf(schema, place)
  if (!Array.isArray(schema['fields'])) refuse(place, `defines the record ${full} without a list of fields.`)
  const fields: FieldShape[] = []
  const record: RecordShape = { kind: 'record', name: full, doc: docOf(schema, place), fields }
  define(full, record, place)
  for (const field of schema['fields'] as readonly unknown[]) {
    const parsed = parseField(field, { ...place, namespace })
    if (fields.some(({ name }) => name === parsed.name)) {
      refuse(place, `has two fields named ${parsed.name} in ${full}.`)
    }
    fields.push(parsed)
  }
  return record
}

function parseField(field: unknown, place: Place): FieldShape {
  const name = isObject(field) ? field['name'] : undefined
  if (!isObject(field) || typeof name !== 'string' || !isName(name)) {
    refuse(place, `has a field without a valid name: ${JSON.stringify(name ?? field)}.`)
  }
  if (name in Object.prototype) {
    refuse(place, `has a field named ${name}, which every JavaScript object has. Give it another name.`)
  }
  const at = { ...place, path: place.path === '' ? name : `${place.path}.${name}` }
  return { name, doc: docOf(field, at), shape: parse(field['type'], at), default: field['default'] }
}

function parseEnum(schema: Record<string, unknown>, place: Place): EnumShape {
  const { full } = nameOf(schema, place)
  const symbols: readonly unknown[] = Array.isArray(schema['symbols']) ? schema['symbols'] : []
  const wrong = symbols.find((symbol) => typeof symbol !== 'string' || !isName(symbol))
  if (symbols.length === 0 || wrong !== undefined || new Set(symbols).size !== symbols.length) {
    refuse(place, `is the enum ${full}, whose symbols must be distinct names: at least one.`)
  }
  const shape: EnumShape = {
    kind: 'enum',
    name: full,
    doc: docOf(schema, place),
    symbols: symbols as readonly string[],
  }
  define(full, shape, place)
  return shape
}

function parseFixed(schema: Record<string, unknown>, place: Place): FixedShape {
  const { full } = nameOf(schema, place)
  const size = schema['size']
  if (!Number.isInteger(size) || (size as number) < 1) {
    refuse(place, `is the fixed ${full}, whose size must be a whole number of bytes, at least 1.`)
  }
  const shape: FixedShape = { kind: 'fixed', name: full, size: size as number }
  define(full, shape, place)
  return shape
}

function nameOf(schema: Record<string, unknown>, place: Place): { full: string; namespace: string } {
  const { name, namespace = place.namespace } = schema
  if (typeof name !== 'string' || !name.split('.').every(isName)) {
    refuse(place, `defines a type without a valid name: ${JSON.stringify(name)}.`)
  }
  if (typeof namespace !== 'string' || !(namespace === '' || namespace.split('.').every(isName))) {
    refuse(place, `defines ${name} in the namespace ${JSON.stringify(namespace)}, which is not valid.`)
  }
  if (name.includes('.')) return { full: name, namespace: name.slice(0, name.lastIndexOf('.')) }
  return { full: namespace === '' ? name : `${namespace}.${name}`, namespace }
}

function define(name: string, shape: Shape, place: Place): void {
  if (place.named.has(name)) {
    refuse(place, `defines ${name} a second time. Define it once, then refer to it by its name.`)
  }
  if (plainKinds.has(name) || name === 'null') refuse(place, `redefines ${name}. Give the type another name.`)
  place.named.set(name, shape)
}

function docOf(schema: Record<string, unknown>, place: Place): string | undefined {
  const { doc } = schema
  if (doc !== undefined && typeof doc !== 'string') refuse(place, 'has a doc that is not a string.')
  return doc
}

function isName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
