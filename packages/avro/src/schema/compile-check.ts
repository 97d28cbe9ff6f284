import { type Check, isWellFormed, problemOf, refused } from './check.ts'
import { refuseSchema } from './parse-schema.ts'
import type { FieldShape, RecordShape, Shape } from './shape.ts'
import { plainCheck } from './plain-check.ts'

/**
 * Compiles the checks of a record.
 *
 * @param where how messages name the schema
 * @throws TroupeError `TROUPE_SCHEMA_INVALID` for a default that does not fit its field.
 */
export function compileCheck(record: RecordShape, where: string): Check {
  const compiler = new Compiler(where)
  const check = compiler.check(record, '')
  compiler.checkDefaults()
  return check
}

/** Compiles each record once, also one that holds itself. */
class Compiler {
  readonly #records = new Map<RecordShape, Check>()
  readonly #where: string
  /** Checks of defaults that wait until every record is complete: one may hold itself. */
  readonly #open: (() => void)[] = []

  constructor(where: string) {
    this.#where = where
  }

  checkDefaults(): void {
    for (const checkDefault of this.#open) checkDefault()
  }

  check(shape: Shape, path: string): Check {
    switch (shape.kind) {
      case 'record':
        return this.#record(shape, path)
      case 'array':
        return arrayCheck(this.check(shape.items, path))
      case 'map':
        return mapCheck(this.check(shape.values, path))
      case 'nullable':
        return nullableCheck(this.check(shape.of, path))
      default:
        return plainCheck(shape)
    }
  }

  #record(record: RecordShape, path: string): Check {
    const known = this.#records.get(record)
    if (known) return known
    const fields: CheckedField[] = []
    const check = recordCheck(record.name, fields)
    this.#records.set(record, check)
    for (const field of record.fields) {
      const at = join(path, field.name)
      const checked: CheckedField = {
        name: field.name,
        check: this.check(field.shape, at),
        fallback: undefined,
      }
      fields.push(checked)
      if (field.default === undefined) continue
      checked.fallback = () => refused
      this.#open.push(() => this.#setFallback(field, checked, at))
    }
    return check
  }

  #setFallback(field: FieldShape, checked: CheckedField, path: string): void {
    const value = defaultValue(field.shape, field.default)
    const { fill } = checked.check
    const filled = fill(value)
    if (filled === refused) {
      refuseSchema(
        this.#where,
        path,
        `has the default ${JSON.stringify(field.default)}, which does not fit its type.${field.shape.kind === 'nullable' ? ' The default of a union is one of its first type.' : ''}`,
      )
    }
    // Containers are made anew each time: nobody shares a default with somebody who changes it.
    checked.fallback = typeof filled === 'object' && filled !== null ? () => fill(value) : () => filled
  }
}

interface CheckedField {
  readonly name: string
  readonly check: Check
  /** Makes the default; undefined if the field is required. */
  fallback: (() => unknown) | undefined
}

function recordCheck(name: string, fields: readonly CheckedField[]): Check {
  let names: Set<string> | undefined
  const known = (): Set<string> => (names ??= new Set(fields.map((field) => field.name)))
  return {
    fill(value) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return refused
      const source = value as Record<string, unknown>
      const declared = known()
      for (const key in source) if (!declared.has(key) && source[key] !== undefined) return refused
      const filled: Record<string, unknown> = {}
      for (const field of fields) {
        const given = source[field.name]
        let one: unknown
        if (given !== undefined) one = field.check.fill(given)
        else if (field.fallback !== undefined) one = field.fallback()
        else return refused
        if (one === refused) return refused
        filled[field.name] = one
      }
      return filled
    },
    explain(value, path, problems) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        problems.push(problemOf(path, `an object of ${name}`, value))
        return
      }
      const source = value as Record<string, unknown>
      for (const field of fields) {
        const at = join(path, field.name)
        const given = source[field.name]
        if (given !== undefined) {
          if (field.check.fill(given) === refused) field.check.explain(given, at, problems)
        } else if (field.fallback === undefined) {
          problems.push({ path: at, text: `${at} is missing` })
        }
      }
      for (const key in source) {
        if (known().has(key) || source[key] === undefined) continue
        const at = join(path, key.slice(0, 80))
        problems.push({ path: at, text: `${at} is not a field of ${name} (${[...known()].join(', ')})` })
      }
    },
  }
}

function arrayCheck(items: Check): Check {
  return {
    fill(value) {
      if (!Array.isArray(value)) return refused
      const filled: unknown[] = []
      // By index: holes in the array are values that are missing.
      for (let index = 0; index < value.length; index++) {
        const one = items.fill(value[index])
        if (one === refused) return refused
        filled.push(one)
      }
      return filled
    },
    explain(value, path, problems) {
      if (!Array.isArray(value)) {
        problems.push(problemOf(path, 'an array', value))
        return
      }
      for (let index = 0; index < value.length; index++) {
        const one: unknown = value[index]
        if (items.fill(one) === refused) items.explain(one, join(path, String(index)), problems)
      }
    },
  }
}

function mapCheck(values: Check): Check {
  return {
    fill(value) {
      if (!isMap(value)) return refused
      const filled: Record<string, unknown> = {}
      for (const key of Object.keys(value)) {
        const one = isMapKey(key) ? values.fill(value[key]) : refused
        if (one === refused) return refused
        filled[key] = one
      }
      return filled
    },
    explain(value, path, problems) {
      if (!isMap(value)) {
        problems.push(problemOf(path, 'an object whose values are all of one type', value))
        return
      }
      for (const key of Object.keys(value)) {
        const at = join(path, key.slice(0, 80))
        if (!isMapKey(key)) {
          problems.push({ path: at, text: `${at} has a key that no map can keep` })
        } else if (values.fill(value[key]) === refused) {
          values.explain(value[key], at, problems)
        }
      }
    },
  }
}

/** Assigning to `__proto__` sets a prototype instead of a value; half a surrogate pair has no UTF-8. */
function isMapKey(key: string): boolean {
  return key !== '__proto__' && isWellFormed(key)
}

function isMap(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Map)
  )
}

function nullableCheck(of: Check): Check {
  return {
    fill: (value) => (value === null ? null : of.fill(value)),
    explain: (value, path, problems) => of.explain(value, path, problems),
  }
}

/** A default's JSON as the value it stands for: bytes are written as text of code points 0 to 255. */
function defaultValue(shape: Shape, json: unknown): unknown {
  switch (shape.kind) {
    case 'bytes':
    case 'fixed':
      return typeof json === 'string' && /^[\0-\xff]*$/.test(json) ? Buffer.from(json, 'latin1') : refused
    case 'nullable':
      if (shape.isNullFirst) return json === null ? null : refused
      return json === null ? refused : defaultValue(shape.of, json)
    case 'array':
      return Array.isArray(json) ? json.map((item) => defaultValue(shape.items, item)) : json
    case 'map':
      return isMap(json) ? mapValues(json, (value) => defaultValue(shape.values, value)) : json
    case 'record':
      return isMap(json)
        ? mapValues(json, (value, key) => {
            const field = shape.fields.find(({ name }) => name === key)
            return field ? defaultValue(field.shape, value) : value
          })
        : json
    default:
      return json
  }
}

function mapValues(
  from: Record<string, unknown>,
  value: (value: unknown, key: string) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from).map(([key, one]) => [key, value(one, key)]))
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
