// Arrays travel in PostgreSQL's binary form: no quoting, no hex, and nothing in a value can be taken
// for syntax. Source: PostgreSQL's array_recv; element types by their fixed object ids.

/** A parameter as it goes on the wire: bytes are sent in binary form, text as text. */
export type Parameter = Buffer | string | null

const oids = { bytea: 17, text: 25, int8: 20 } as const

/** `text[]`, or with nulls where there is no text. @throws Error if a text cannot be stored, saying which of `what`. */
export function textArray(values: readonly (string | null)[], what: string): Buffer {
  for (const value of values) refuseUnstorable(value, what)
  return encodedArray(values)
}

/** `text[]` of JSON documents: `JSON.stringify` escapes whatever a text cannot hold. */
export function jsonArray(values: readonly unknown[]): Buffer {
  return encodedArray(values.map((value) => (value === undefined ? null : JSON.stringify(value))))
}

/** `bytea[]`. */
export function bytesArray(values: readonly (Uint8Array | null)[]): Buffer {
  const sizes = values.map((value) => value?.length ?? -1)
  return arrayOf(oids.bytea, sizes, (buffer, index, at) => buffer.set(values[index] as Uint8Array, at))
}

/** `bigint[]`. */
export function bigintArray(values: readonly (number | bigint)[]): Buffer {
  return arrayOf(
    oids.int8,
    values.map(() => 8),
    (buffer, index, at) => buffer.writeBigInt64BE(BigInt(values[index] as number | bigint), at),
  )
}

/** One text. @throws Error if it cannot be stored, saying which of `what`. */
export function text(value: string, what: string): string {
  refuseUnstorable(value, what)
  return value
}

/** NUL, which PostgreSQL's text refuses, and lone surrogates, which UTF-8 would silently make into another text. */
const unstorable = /[\0\p{Cs}]/u

function refuseUnstorable(value: string | null, what: string): void {
  if (value === null || !unstorable.test(value)) return
  throw new Error(
    `The ${what} ${JSON.stringify(value.slice(0, 80))} cannot be stored: it holds a NUL character or half of a surrogate pair. Use another.`,
  )
}

function encodedArray(values: readonly (string | null)[]): Buffer {
  const sizes = values.map((value) => (value === null ? -1 : Buffer.byteLength(value)))
  return arrayOf(oids.text, sizes, (buffer, index, at) => buffer.write(values[index] as string, at, 'utf8'))
}

/** `sizes`: the bytes of each element, -1 for null. */
function arrayOf(
  elementOid: number,
  sizes: readonly number[],
  write: (buffer: Buffer, index: number, at: number) => void,
): Buffer {
  let bytes = 20
  for (const size of sizes) bytes += 4 + Math.max(size, 0)
  const buffer = Buffer.allocUnsafe(sizes.length === 0 ? 12 : bytes)
  buffer.writeInt32BE(sizes.length === 0 ? 0 : 1, 0) // dimensions
  buffer.writeInt32BE(sizes.includes(-1) ? 1 : 0, 4)
  buffer.writeInt32BE(elementOid, 8)
  if (sizes.length === 0) return buffer
  buffer.writeInt32BE(sizes.length, 12)
  buffer.writeInt32BE(1, 16) // index of the first element
  let at = 20
  for (const [index, size] of sizes.entries()) {
    at = buffer.writeInt32BE(size, at)
    if (size > 0) write(buffer, index, at)
    at += Math.max(size, 0)
  }
  return buffer
}
