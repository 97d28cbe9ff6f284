/**
 * A message of the protocol is declared once, as data: fields in wire order, each with its type and the
 * versions that carry it. From that declaration come the decoder, the encoder and the TypeScript type.
 *
 * ```ts
 * const request = struct({
 *   groupId: string,
 *   generationId: since(1, int32, () => -1),
 *   topics: array(struct({ name: string, partitions: array(int32) })),
 * })
 * type Request = Infer<typeof request>
 * ```
 *
 * Flexible versions (KIP-482) need nothing in the declaration: with `isFlexible` set on the reader or
 * writer, strings, bytes and arrays take compact lengths, and every struct ends in tagged fields.
 */
import { ProtocolError } from './protocol-error.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

/** How one value travels, and in which versions. */
export interface Type<T> {
  read(reader: Reader): T
  write(writer: Writer, value: T): void
  /** The value that a version without the field stands for. */
  readonly initial: () => T
  readonly from?: number
  readonly to?: number
  /** Set for a field that lives in a flexible struct's tagged section. */
  readonly tag?: number
}

/** The TypeScript type of the values that a {@link Type} carries. */
export type Infer<S> = S extends Type<infer T> ? T : never

type Fields = Readonly<Record<string, Type<never> | Type<unknown>>>
type StructOf<F> = { [K in keyof F]: Infer<F[K]> }

/** The field is there from this version on; before, it has the value of `initial`. */
export function since<T>(from: number, type: Type<T>, initial: () => T = type.initial): Type<T> {
  return { ...type, from, initial }
}

/** The field is there in these versions only, both ends included. */
export function between<T>(
  from: number,
  to: number,
  type: Type<T>,
  initial: () => T = type.initial,
): Type<T> {
  return { ...type, from, to, initial }
}

/** An optional field of a flexible version: written only when it differs from `initial`. */
export function tagged<T>(
  tag: number,
  from: number,
  type: Type<T>,
  initial: () => T = type.initial,
): Type<T> {
  return { ...type, tag, from, initial }
}

const zero = (): number => 0

export const int8: Type<number> = {
  read: (reader) => reader.int8(),
  write: (writer, value) => writer.int8(value),
  initial: zero,
}
export const int16: Type<number> = {
  read: (reader) => reader.int16(),
  write: (writer, value) => writer.int16(value),
  initial: zero,
}
export const int32: Type<number> = {
  read: (reader) => reader.int32(),
  write: (writer, value) => writer.int32(value),
  initial: zero,
}
export const int64: Type<number> = {
  read: (reader) => reader.int64(),
  write: (writer, value) => writer.int64(value),
  initial: zero,
}
export const boolean: Type<boolean> = {
  read: (reader) => reader.int8() !== 0,
  write: (writer, value) => writer.int8(value ? 1 : 0),
  initial: () => false,
}

/** 16 bytes, as text with dashes. */
export const uuid: Type<string> = {
  read: (reader) => {
    const hex = reader.slice(16).toString('hex')
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  },
  write: (writer, value) => writer.bytes(Buffer.from(value.replaceAll('-', ''), 'hex')),
  initial: () => '00000000-0000-0000-0000-000000000000',
}

export const nullableString: Type<string | null> = {
  read(reader) {
    const length = reader.isFlexible ? reader.unsignedVarint() - 1 : reader.int16()
    return length < 0 ? null : reader.text(length)
  },
  write(writer, value) {
    const length = value === null ? -1 : Buffer.byteLength(value)
    if (writer.isFlexible) writer.unsignedVarint(length + 1)
    else writer.int16(length)
    if (value !== null) writer.text(value, length)
  },
  initial: () => null,
}
export const string: Type<string> = {
  read: (reader) => required(nullableString.read(reader), 'string'),
  write: (writer, value) => nullableString.write(writer, value),
  initial: () => '',
}

export const nullableBytes: Type<Buffer | null> = {
  read(reader) {
    const length = reader.isFlexible ? reader.unsignedVarint() - 1 : reader.int32()
    return length < 0 ? null : reader.slice(length)
  },
  write(writer, value) {
    const length = value === null ? -1 : value.length
    if (writer.isFlexible) writer.unsignedVarint(length + 1)
    else writer.int32(length)
    if (value !== null) writer.bytes(value)
  },
  initial: () => null,
}
export const bytes: Type<Buffer> = {
  read: (reader) => required(nullableBytes.read(reader), 'byte string'),
  write: (writer, value) => nullableBytes.write(writer, value),
  initial: () => Buffer.alloc(0),
}

/** An array in which null and empty mean different things (null often stands for "all"). */
export function nullableArray<T>(of: Type<T>): Type<T[] | null> {
  return {
    read(reader) {
      const length = reader.isFlexible ? reader.unsignedVarint() - 1 : reader.int32()
      if (length < 0) return null
      // Each element takes at least one byte, so a longer array is a lie: refuse before allocating.
      if (length > reader.remaining) {
        throw new ProtocolError(`an array of ${length} elements in ${reader.remaining} bytes`)
      }
      const values: T[] = []
      for (let index = 0; index < length; index += 1) values.push(of.read(reader))
      return values
    },
    write(writer, values) {
      const length = values === null ? -1 : values.length
      if (writer.isFlexible) writer.unsignedVarint(length + 1)
      else writer.int32(length)
      if (values !== null) for (const value of values) of.write(writer, value)
    },
    initial: () => null,
  }
}

export function array<T>(of: Type<T>): Type<T[]> {
  const nullable = nullableArray(of)
  return {
    read: (reader) => required(nullable.read(reader), 'array'),
    write: (writer, values) => nullable.write(writer, values),
    initial: () => [],
  }
}

/** Fields in wire order (the order of the object's keys). */
export function struct<F extends Fields>(fields: F): Type<StructOf<F>> {
  const all = Object.entries(fields) as [string, Type<unknown>][]
  const plain = all.filter(([, field]) => field.tag === undefined)
  const withTag = all.filter(([, field]) => field.tag !== undefined)
  const initial = (): StructOf<F> =>
    Object.fromEntries(all.map(([name, field]) => [name, field.initial()])) as StructOf<F>

  return {
    read(reader) {
      const value: Record<string, unknown> = {}
      for (const [name, field] of plain) {
        value[name] = isIn(field, reader.version) ? field.read(reader) : field.initial()
      }
      for (const [name, field] of withTag) value[name] = field.initial()
      if (reader.isFlexible) readTagged(reader, withTag, value)
      return value as StructOf<F>
    },
    write(writer, value) {
      const record = value as Record<string, unknown>
      for (const [name, field] of plain) {
        if (isIn(field, writer.version)) field.write(writer, record[name])
      }
      if (writer.isFlexible) writeTagged(writer, withTag, record)
    },
    initial,
  }
}

function isIn(field: Type<unknown>, version: number): boolean {
  return version >= (field.from ?? 0) && version <= (field.to ?? Number.POSITIVE_INFINITY)
}

function readTagged(reader: Reader, fields: [string, Type<unknown>][], into: Record<string, unknown>): void {
  const count = reader.unsignedVarint()
  for (let index = 0; index < count; index += 1) {
    const tag = reader.unsignedVarint()
    // The slice keeps a field from reading into its neighbour, and skips the tags nobody knows here.
    const content = reader.slice(reader.unsignedVarint())
    const known = fields.find(([, field]) => field.tag === tag && isIn(field, reader.version))
    if (known) into[known[0]] = known[1].read(new Reader(content, reader.version, true))
  }
}

function writeTagged(
  writer: Writer,
  fields: [string, Type<unknown>][],
  record: Readonly<Record<string, unknown>>,
): void {
  const present = fields.filter(
    ([name, field]) => isIn(field, writer.version) && record[name] !== field.initial(),
  )
  writer.unsignedVarint(present.length)
  for (const [name, field] of present.sort(([, a], [, b]) => (a.tag ?? 0) - (b.tag ?? 0))) {
    const inner = new Writer(writer.version, true)
    field.write(inner, record[name])
    const content = inner.toBuffer()
    writer.unsignedVarint(field.tag ?? 0)
    writer.unsignedVarint(content.length)
    writer.bytes(content)
  }
}

function required<T>(value: T | null, what: string): T {
  if (value === null) throw new ProtocolError(`null where the protocol demands a ${what}`)
  return value
}
