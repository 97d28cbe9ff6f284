import type { AnyEventType } from '@troupe/core'

type Schema = string | readonly Schema[] | { readonly [name: string]: unknown }

/** Data that an event's schema takes: what is given by the names of its fields, at every depth, and else anything. */
export function sampleOf({ schema }: AnyEventType, given: Readonly<Record<string, unknown>>): object {
  return recordOf(schema, given)
}

function recordOf(schema: { readonly fields?: unknown }, given: Readonly<Record<string, unknown>>): object {
  const fields = schema.fields as readonly { readonly name: string; readonly type: Schema }[]
  return Object.fromEntries(fields.map(({ name, type }) => [name, valueOf(type, given[name], given)]))
}

function valueOf(type: Schema, value: unknown, given: Readonly<Record<string, unknown>>): unknown {
  if (Array.isArray(type)) return valueOf(type[0] as Schema, value, given)
  const { type: name = type, ...schema } = typeof type === 'object' ? (type as Record<string, unknown>) : {}
  if (name === 'array') {
    const items = schema['items'] as Schema
    return ((value ?? []) as readonly unknown[]).map((one) => valueOf(items, one, given))
  }
  if (name === 'record') return recordOf(schema, { ...given, ...(value as object | undefined) })
  if (typeof name === 'object') return valueOf(name as Schema, value, given)
  if (value !== undefined) return value
  switch (name) {
    case 'null':
      return null
    case 'boolean':
      return false
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return 1
    case 'string':
      return schema['logicalType'] === 'uuid' ? '0190b1c0-0000-7000-8000-000000000001' : 'DE'
    default:
      throw new Error(`No sample of ${JSON.stringify(type)} is known.`)
  }
}
