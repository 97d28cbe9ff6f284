import avsc from 'avsc'
import type { Type, types } from 'avsc'

/** One thing that keeps two versions of a schema from reading each other's events. */
export interface Incompatibility {
  /** Field names from the top, joined by dots; empty for the event as a whole. */
  readonly path: string
  /** What is wrong and what to do, as the end of a sentence that begins with the field. */
  readonly problem: string
}

/** `backward`: the newer schema reads what is written; `forward`: the older one reads what will be written. */
type Direction = 'backward' | 'forward'

interface Walk {
  readonly direction: Direction
  readonly found: Map<string, Incompatibility>
  /** Pairs of records that have been compared: a record may hold itself. */
  readonly visited: Set<string>
  /** How often a reason was found, whether or not the other direction had it already. */
  reasons: number
}

/**
 * What keeps two versions from being compatible both ways; nothing if they are.
 *
 * avsc judges; the walk finds out where and why. Beyond Avro's rules it refuses another key, which would
 * scatter a saga over partitions, and another logical type, by which a number would change its meaning.
 *
 * @throws what avsc throws for a schema that is none
 */
export function incompatibilities(newer: unknown, older: unknown): readonly Incompatibility[] {
  const newerType = avsc.Type.forSchema(newer as Type)
  const olderType = avsc.Type.forSchema(older as Type)
  const found = new Map<string, Incompatibility>()
  compare(newerType, olderType, '', { direction: 'backward', found, visited: new Set(), reasons: 0 })
  compare(olderType, newerType, '', { direction: 'forward', found, visited: new Set(), reasons: 0 })
  compareKeys(newer, older, found)
  compareLogicalTypes(newer, older, found)
  return [...found.values()]
}

function compare(reader: Type, writer: Type, path: string, walk: Walk): void {
  if (canRead(reader, writer)) return
  const before = walk.reasons
  if (isRecord(reader) && isRecord(writer)) compareRecords(reader, writer, path, walk)
  else if (isUnion(reader) || isUnion(writer)) compareUnions(reader, writer, path, walk)
  else if (reader.typeName === 'enum' && writer.typeName === 'enum') {
    compareEnums(reader as types.EnumType, writer as types.EnumType, path, walk)
  } else if (reader.typeName === 'array' && writer.typeName === 'array') {
    compare((reader as types.ArrayType).itemsType, (writer as types.ArrayType).itemsType, path, walk)
  } else if (reader.typeName === 'map' && writer.typeName === 'map') {
    const [readerValues, writerValues] = [reader, writer].map(
      (type) => (type as types.MapType).valuesType as Type,
    )
    if (readerValues && writerValues) compare(readerValues, writerValues, path, walk)
  }
  // avsc said no: if nothing within says why, it is the type itself.
  if (walk.reasons === before) addTypeChange(reader, writer, path, walk)
}

function compareRecords(reader: types.RecordType, writer: types.RecordType, path: string, walk: Walk): void {
  const pair = `${reader.name} ${writer.name}`
  if (walk.visited.has(pair)) {
    walk.reasons++
    return
  }
  walk.visited.add(pair)
  for (const field of reader.fields) {
    const names = new Set([field.name, ...field.aliases])
    const match = writer.fields.find(({ name }) => names.has(name))
    const at = path === '' ? field.name : `${path}.${field.name}`
    if (match) compare(field.type, match.type, at, walk)
    else if (field.defaultValue() === undefined) {
      add(walk, at, {
        backward: 'is new and has no default, and events that are written do not have it. Give it a default.',
        forward:
          'is gone and had no default, and services that run the older schema cannot do without. Keep it, or give it a default in one release and take it away in the next.',
      })
    }
  }
}

function compareUnions(reader: Type, writer: Type, path: string, walk: Walk): void {
  const readerBranches = branchesOf(reader)
  for (const branch of branchesOf(writer)) {
    if (canRead(reader, branch)) continue
    const same = readerBranches.find(({ typeName }) => typeName === branch.typeName)
    if (same) compare(same, branch, path, walk)
    else if (branch.typeName === 'null') {
      add(walk, path, {
        backward: 'cannot be null any more, and events that are written may hold null. Let it be null.',
        forward: 'can be null now, and services that run the older schema cannot read null. Add a new field.',
      })
    } else addTypeChange(reader, branch, path, walk)
  }
}

function compareEnums(reader: types.EnumType, writer: types.EnumType, path: string, walk: Walk): void {
  const unknown = writer.symbols.filter((symbol) => !reader.symbols.includes(symbol)).join(', ')
  if (unknown === '') return
  add(walk, path, {
    backward: `lost ${unknown}, and events that are written may hold it. Keep it, or give the enum a default.`,
    forward: `can be ${unknown} now, and services that run the older schema do not know it. Give the enum a default in one release, and the symbol in the next.`,
  })
}

function addTypeChange(reader: Type, writer: Type, path: string, walk: Walk): void {
  const [newer, older] = walk.direction === 'backward' ? [reader, writer] : [writer, reader]
  const describe = nameOf(newer) === nameOf(older) ? schemaText : nameOf
  const what = `is ${describe(newer)} and was ${describe(older)}`
  add(walk, path, {
    backward: `${what}, and events that are written cannot be read so. Leave it, and add a new field.`,
    forward: `${what}, and services that run the older schema cannot read it. Leave it, and add a new field.`,
  })
}

/** The first problem of a field says enough. */
function add(walk: Walk, path: string, problems: Readonly<Record<Direction, string>>): void {
  walk.reasons++
  if (!walk.found.has(path)) walk.found.set(path, { path, problem: problems[walk.direction] })
}

function compareKeys(newer: unknown, older: unknown, found: Map<string, Incompatibility>): void {
  const [is, was] = [newer, older].map((schema) => (schema as { key?: unknown }).key)
  if (was === undefined || is === was || found.has('')) return
  found.set('', {
    path: '',
    problem: `has the key ${JSON.stringify(is)} and had ${JSON.stringify(was)}: events of one saga would lie in two partitions and lose their order. Keep the key.`,
  })
}

function compareLogicalTypes(newer: unknown, older: unknown, found: Map<string, Incompatibility>): void {
  const olderTypes = logicalTypesIn(older)
  for (const [path, is] of logicalTypesIn(newer)) {
    const was = olderTypes.get(path)
    if (was === undefined || was === is || found.has(path)) continue
    const problem = `is a ${is} and was a ${was}: the same number would mean something else. Leave it, and add a new field.`
    found.set(path, { path, problem })
  }
}

/** The logical types of a schema's fields by path; avsc does not keep those that it was not told of. */
function logicalTypesIn(schema: unknown, path = '', found = new Map<string, string>()) {
  if (Array.isArray(schema)) {
    for (const branch of schema) logicalTypesIn(branch, path, found)
    return found
  }
  if (typeof schema !== 'object' || schema === null) return found
  const { type, logicalType, items, values, fields } = schema as Record<string, unknown>
  if (typeof logicalType === 'string') found.set(path, logicalType)
  for (const inner of [items, values, typeof type === 'string' ? undefined : type]) {
    logicalTypesIn(inner, path, found)
  }
  for (const field of Array.isArray(fields) ? (fields as { name: string; type: unknown }[]) : []) {
    logicalTypesIn(field.type, path === '' ? field.name : `${path}.${field.name}`, found)
  }
  return found
}

function canRead(reader: Type, writer: Type): boolean {
  try {
    reader.createResolver(writer, { ignoreNamespaces: true })
    return true
  } catch {
    return false
  }
}

function nameOf(type: Type): string {
  if (isUnion(type)) return branchesOf(type).map(nameOf).join(' or ')
  return type.name === undefined ? type.typeName : `${type.typeName} ${type.name}`
}

function schemaText(type: Type): string {
  return JSON.stringify(type.schema())
}

function isRecord(type: Type): type is types.RecordType {
  return type.typeName === 'record' || type.typeName === 'error'
}

function isUnion(type: Type): boolean {
  return type.typeName.startsWith('union:')
}

function branchesOf(type: Type): readonly Type[] {
  return isUnion(type) ? (type as types.UnwrappedUnionType).types : [type]
}
