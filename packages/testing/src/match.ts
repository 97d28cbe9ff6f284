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
  if (ArrayBuffer.isView(part)) return ArrayBuffer.isView(actual) && isSameBytes(part, actual)
  if (!isPlain(part)) return isDeepStrictEqual(part, actual)
  if (!isPlain(actual)) return false
  return Object.entries(part).every(([name, one]) => matches(one, actual[name]))
}

/** An object literal of any realm: a test and what it imports may live in different ones. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** A Buffer and a Uint8Array of the same bytes are the same to an event. */
function isSameBytes(part: ArrayBufferView, actual: ArrayBufferView): boolean {
  const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
    Buffer.from(buffer, byteOffset, byteLength)
  return bytesOf(part).equals(bytesOf(actual))
}
