import { isDeepStrictEqual } from 'node:util'

/** Part of an event's data: what is left out may be anything. Arrays match element by element. */
export type Part<T> = T extends readonly (infer One)[]
  ? readonly Part<One>[]
  : T extends object
    ? { readonly [K in keyof T]?: Part<T[K]> }
    : T

/** Whether `actual` holds everything that `part` asks for. */
export function matches(part: unknown, actual: unknown): boolean {
  if (Array.isArray(part)) {
    return (
      Array.isArray(actual) &&
      part.length === actual.length &&
      part.every((one, index) => matches(one, actual[index]))
    )
  }
  if (!isPlain(part)) return isDeepStrictEqual(part, actual)
  if (typeof actual !== 'object' || actual === null) return false
  return Object.entries(part).every(([name, one]) => matches(one, (actual as Record<string, unknown>)[name]))
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
}
