import avsc from 'avsc'
import type { Type, types } from 'avsc'
import { type AnyEventType, messageOf, TroupeError } from '@troupe/core'

/**
 * The avsc type of an event: writes what the event's `complete` returns, and reads plain objects.
 *
 * @throws TroupeError `TROUPE_SCHEMA_INVALID` if avsc refuses a schema, which the event's constructor would have before.
 */
export function typeOf({ type, schema }: AnyEventType): Type {
  try {
    const made = avsc.Type.forSchema(schema as unknown as avsc.Type, {
      omitRecordMethods: true,
      wrapUnions: 'never',
    })
    for (const record of recordsIn(made)) record.recordConstructor.prototype = Object.prototype
    return made
  } catch (cause) {
    throw new TroupeError('TROUPE_SCHEMA_INVALID', `The schema of ${type} is refused: ${messageOf(cause)}`, {
      cause,
      details: { type },
    })
  }
}

/** Every record type in a type, itself included. */
function recordsIn(type: Type, found = new Set<types.RecordType>()): ReadonlySet<types.RecordType> {
  switch (type.typeName) {
    case 'record': {
      const record = type as types.RecordType
      if (found.has(record)) return found
      found.add(record)
      for (const field of record.fields) recordsIn(field.type, found)
      return found
    }
    case 'array':
      return recordsIn((type as types.ArrayType).itemsType, found)
    case 'map':
      return recordsIn((type as types.MapType).valuesType as Type, found)
    case 'union:unwrapped':
      for (const branch of (type as types.UnwrappedUnionType).types) recordsIn(branch, found)
      return found
    default:
      return found
  }
}
