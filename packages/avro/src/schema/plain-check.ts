import { type Check, isWellFormed, problemOf, refused } from './check.ts'
import type { EnumShape, FixedShape, PlainShape } from './shape.ts'

/**
 * The whole numbers that avsc writes and reads as a long without loss. It doubles a number before it writes
 * it, and adds one for the sign: below -2^52 that is not exact any more, and it would come out as another.
 */
export const longMin = -(2 ** 52)
export const longMax = Number.MAX_SAFE_INTEGER - 1
/** The last millisecond that a Date can stand for. */
const timestampMillisMax = 8_640_000_000_000_000
const floatMax = 3.4028234663852886e38
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The check of a value that holds no other. */
export function plainCheck(shape: PlainShape | EnumShape | FixedShape): Check {
  switch (shape.kind) {
    case 'boolean':
      return check(
        () => 'true or false',
        (value) => typeof value === 'boolean',
      )
    case 'string':
      return check(
        (value) =>
          typeof value === 'string' ? 'well-formed text (no half of a surrogate pair)' : 'a string',
        (value) => typeof value === 'string' && isWellFormed(value),
      )
    case 'uuid':
      return check(
        () => 'a UUID',
        (value) => typeof value === 'string' && value.length === 36 && uuidPattern.test(value),
      )
    case 'int':
      return check(
        rangeOr('an int', -2147483648, 2147483647),
        (value) => typeof value === 'number' && value === (value | 0),
      )
    case 'long':
      return check(rangeOr('a long', longMin, longMax), (value) => isWithin(value, longMax))
    case 'timestamp-millis':
      return check(
        (value) =>
          `milliseconds since the epoch, as a number${value instanceof Date ? ' (`getTime()`)' : ''}`,
        (value) => isWithin(value, timestampMillisMax),
      )
    case 'float':
      return converting('a finite number that a float can hold', (value) =>
        typeof value === 'number' && value >= -floatMax && value <= floatMax ? Math.fround(value) : refused,
      )
    case 'double':
      return check(
        () => 'a finite number',
        (value) => Number.isFinite(value),
      )
    case 'bytes':
      return converting('bytes (a Uint8Array)', bytesOf)
    case 'fixed':
      return converting(`${shape.size} bytes (a Uint8Array)`, (value) =>
        value instanceof Uint8Array && value.length === shape.size ? bytesOf(value) : refused,
      )
    case 'enum': {
      const symbols = new Set<unknown>(shape.symbols)
      return check(
        () => `one of ${shape.symbols.join(', ')}`,
        (value) => symbols.has(value),
      )
    }
  }
}

function check(expected: (value: unknown) => string, fits: (value: unknown) => boolean): Check {
  return {
    fill: (value) => (fits(value) ? value : refused),
    explain: (value, path, problems) => void problems.push(problemOf(path, expected(value), value)),
  }
}

function converting(expected: string, fill: (value: unknown) => unknown): Check {
  return { fill, explain: (value, path, problems) => void problems.push(problemOf(path, expected, value)) }
}

/** A copy, as the Buffer that avsc insists on: who gave the bytes may go on using them. */
function bytesOf(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value) : refused
}

function isWithin(value: unknown, max: number): boolean {
  return Number.isInteger(value) && (value as number) >= longMin && (value as number) <= max
}

function rangeOr(name: string, min: number, max: number): (value: unknown) => string {
  return (value) => {
    if (Number.isInteger(value)) return `${name}, which goes from ${min} to ${max}`
    return typeof value === 'number' ? `${name} (a whole number)` : name
  }
}
