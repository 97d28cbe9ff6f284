// Arrays travel in PostgreSQL's binary form: no quoting, no hex, and nothing in a value can be taken
// for syntax. Source: PostgreSQL's array_recv; element types by their fixed object ids.

/** A parameter as it goes on the wire: bytes are sent in binary form, text as text. */
export type Parameter = Buffer | string | null

const oids = { bytea: 17, text: 25, int8: 20 } as const

/** `text[]`, or with nulls where there is no text. @throws Error if a text cannot be stored, saying which of `what`. */
export function textArray(values: readonly (string | null)[], what: string): Buffer {
  const plain = plainArray(oids.text, values)
  if (plain) return plain
  for (const value of values) refuseUnstorable(value, what)
  return encodedArray(oids.text, values)
}

/** `text[]` of JSON documents: `JSON.stringify` escapes whatever a text cannot hold. */
export function jsonArray(values: readonly unknown[]): Buffer {
  const texts = values.map((value) => (value === undefined ? null : JSON.stringify(value)))
  return plainArray(oids.text, texts) ?? encodedArray(oids.text, texts)
}

/** `bytea[]`; a text is its UTF-8. */
export function bytesArray(values: readonly (Uint8Array | string | null)[]): Buffer {
  if (values.every(isText)) return plainArray(oids.bytea, values) ?? encodedArray(oids.bytea, values)
  const bytes = values.map((value) => (typeof value === 'string' ? Buffer.from(value) : value))
  const sizes = bytes.map((value) => value?.length ?? -1)
  return arrayOf(oids.bytea, sizes, (buffer, index, at) => buffer.set(bytes[index] as Uint8Array, at))
}

function isText(value: Uint8Array | string | null): value is string {
  return typeof value === 'string'
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

/** Up to here, a text is written faster character by character than by a call into Node. */
const shortLengthMax = 64

/**
 * An array of texts that are all of them plain ASCII without NUL, as ids, names and most JSON are: undefined for any
 * other. A batch writes some thirty of these for each event, and their sizes need not be measured.
 */
function plainArray(elementOid: number, values: readonly (string | null)[]): Buffer | undefined {
  let bytes = headerBytes
  let hasNull = false
  for (const value of values) {
    bytes += sizeBytes
    if (value === null) hasNull = true
    else bytes += value.length
  }
  const buffer = beginArray(elementOid, values.length, hasNull, bytes)
  let at = headerBytes
  for (const value of values) {
    at = buffer.writeInt32BE(value === null ? -1 : value.length, at)
    if (value === null) continue
    if (value.length > shortLengthMax) {
      if (Buffer.byteLength(value) !== value.length || value.includes('\0')) return undefined
      buffer.write(value, at, 'latin1')
    } else {
      for (let index = 0; index < value.length; index += 1) {
        const code = value.charCodeAt(index)
        if (code > 0x7f || code === 0) return undefined
        buffer[at + index] = code
      }
    }
    at += value.length
  }
  return buffer
}

function encodedArray(elementOid: number, values: readonly (string | null)[]): Buffer {
  const sizes = values.map((value) => (value === null ? -1 : Buffer.byteLength(value)))
  return arrayOf(elementOid, sizes, (buffer, index, at) => buffer.write(values[index] as string, at, 'utf8'))
}

/** `sizes`: the bytes of each element, -1 for null. */
function arrayOf(
  elementOid: number,
  sizes: readonly number[],
  write: (buffer: Buffer, index: number, at: number) => void,
): Buffer {
  let bytes = headerBytes
  for (const size of sizes) bytes += sizeBytes + Math.max(size, 0)
  const buffer = beginArray(elementOid, sizes.length, sizes.includes(-1), bytes)
  let at = headerBytes
  for (let index = 0; index < sizes.length; index += 1) {
    const size = sizes[index] as number
    at = buffer.writeInt32BE(size, at)
    if (size > 0) write(buffer, index, at)
    at += Math.max(size, 0)
  }
  return buffer
}

const emptyBytes = 12
/** Of an array of one dimension. */
const headerBytes = 20
const sizeBytes = 4

function beginArray(elementOid: number, length: number, hasNull: boolean, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(length === 0 ? emptyBytes : bytes)
  buffer.writeInt32BE(length === 0 ? 0 : 1, 0) // dimensions
  buffer.writeInt32BE(hasNull ? 1 : 0, 4)
  buffer.writeInt32BE(elementOid, 8)
  if (length === 0) return buffer
  buffer.writeInt32BE(length, 12)
  buffer.writeInt32BE(1, 16) // index of the first element
  return buffer
}
