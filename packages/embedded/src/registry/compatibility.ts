// Avro schema resolution as a yes or no with reasons. Pure.
import avro from 'avsc'
import { messageOf } from '../embedded-error.ts'
import type { Compatibility } from './state.ts'

/** An earlier version to compare with. */
export interface EarlierVersion {
  version: number
  type: avro.Type
}

type RecordType = avro.types.RecordType

/**
 * Why `candidate` may not follow the earlier versions (ascending); empty when it may.
 * BACKWARD: the candidate reads what the latest wrote; FORWARD: the latest reads what the candidate
 * writes; FULL: both; `_TRANSITIVE`: all versions instead of the latest, newest first.
 */
export function problemsOf(
  candidate: avro.Type,
  earlier: readonly EarlierVersion[],
  compatibility: Compatibility,
): string[] {
  const newestFirst = earlier.toReversed()
  const compared = compatibility.endsWith('_TRANSITIVE') ? newestFirst : newestFirst.slice(0, 1)
  const isBackward = compatibility.startsWith('BACKWARD') || compatibility.startsWith('FULL')
  const isForward = compatibility.startsWith('FORWARD') || compatibility.startsWith('FULL')
  return compared.flatMap(({ version, type }) => [
    ...(isBackward ? reasons(candidate, type, `the new schema cannot read version ${version}`) : []),
    ...(isForward ? reasons(type, candidate, `version ${version} cannot read the new schema`) : []),
  ])
}

function reasons(reader: avro.Type, writer: avro.Type, prefix: string): string[] {
  return (unreadable(reader, writer, '', new Set()) ?? []).map((reason) => `${prefix}: ${reason}`)
}

/**
 * What keeps `reader` from reading `writer`'s data; undefined when nothing does, and empty when it has
 * been told already (a record inside itself). avsc decides, and stops at the first problem without
 * saying where; so when it says no, the question is asked again for the parts.
 */
function unreadable(
  reader: avro.Type,
  writer: avro.Type,
  path: string,
  seen: Set<string>,
): string[] | undefined {
  const problem = resolutionProblem(reader, writer)
  if (problem === undefined) return undefined
  return unreadableParts(reader, writer, path, seen) ?? [path === '' ? problem : `${path}: ${problem}`]
}

/** The same for the parts of two types of one kind; undefined when the parts are not what is wrong. */
function unreadableParts(
  reader: avro.Type,
  writer: avro.Type,
  path: string,
  seen: Set<string>,
): string[] | undefined {
  if (isRecord(reader) && isRecord(writer)) return unreadableFields(reader, writer, path, seen)
  if (isArray(reader) && isArray(writer)) {
    return unreadable(reader.itemsType, writer.itemsType, `${path}[]`, seen)
  }
  if (isMap(reader) && isMap(writer))
    return unreadable(reader.valuesType, writer.valuesType, `${path}{}`, seen)
  if (isEnum(reader) && isEnum(writer)) {
    const missing = writer.symbols.filter((symbol) => !reader.symbols.includes(symbol))
    if (missing.length === 0) return undefined
    return [`${path || reader.name}: the symbols ${missing.join(', ')} are unknown and there is no default`]
  }
  if (isUnion(writer)) return merged(writer.types.map((branch) => unreadable(reader, branch, path, seen)))
  return undefined
}

function unreadableFields(
  reader: RecordType,
  writer: RecordType,
  path: string,
  seen: Set<string>,
): string[] | undefined {
  const pair = `${reader.name}:${writer.name}`
  if (seen.has(pair)) return []
  seen.add(pair)
  return merged(
    reader.fields.map((field) => {
      const at = `${path || reader.name}.${field.name}`
      const written = writer.fields.find(({ name }) => name === field.name || field.aliases.includes(name))
      if (written) return unreadable(field.type, written.type, at, seen)
      return field.defaultValue() === undefined
        ? [`${at} has no default and is not in the written schema`]
        : undefined
    }),
  )
}

function merged(lists: readonly (string[] | undefined)[]): string[] | undefined {
  const found = lists.filter((list) => list !== undefined)
  return found.length === 0 ? undefined : found.flat()
}

function resolutionProblem(reader: avro.Type, writer: avro.Type): string | undefined {
  try {
    // Java compares unqualified names (Avro 1.12, "Schema Resolution").
    reader.createResolver(writer, { ignoreNamespaces: true })
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

const isRecord = (type: avro.Type): type is RecordType => avro.Type.isType(type, 'record', 'error')
const isEnum = (type: avro.Type): type is avro.types.EnumType => avro.Type.isType(type, 'enum')
const isArray = (type: avro.Type): type is avro.types.ArrayType => avro.Type.isType(type, 'array')
const isMap = (type: avro.Type): type is avro.types.MapType => avro.Type.isType(type, 'map')
const isUnion = (type: avro.Type): type is avro.types.WrappedUnionType => avro.Type.isType(type, 'union')
