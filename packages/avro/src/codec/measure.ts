import type { Type, types } from 'avsc'
import { longMax, longMin } from '../schema/plain-check.ts'

/**
 * Walks a payload along its writer's schema before avsc reads it.
 *
 * avsc trusts its input: a length or count from hostile or damaged bytes makes it allocate or loop without
 * bound, and a negative block size makes it go back. After a walk that ends exactly where the payload ends,
 * every length, count and index in it is known to be true.
 */
export type Measure = (payload: Payload) => void

/** Bytes and how far they have been walked. */
export interface Payload {
  readonly bytes: Uint8Array
  at: number
}

/** Bytes that are no value of their schema; `isCut` if there are too few or too many. */
export class PayloadFault extends Error {
  readonly isCut: boolean

  constructor(problem: string, isCut: boolean) {
    super(problem)
    this.isCut = isCut
  }
}

const intMax = 2147483647
/** From here on, sums of zigzag numbers that are odd, which are the negative ones, are not exact. */
const zigzagMax = 2 ** 53
const protoKey = [...Buffer.from('__proto__')]
/** Ten groups of seven bits hold 64. */
const varintBytesMax = 10

/** Compiles the walk along a writer's schema. */
export function measureOf(type: Type, records = new Map<Type, Measure>()): Measure {
  switch (type.typeName) {
    case 'null':
      return () => undefined
    case 'boolean':
      return boolean
    case 'int':
      return int
    case 'long':
      return long
    case 'float':
      return (payload) => skip(payload, 4, 'a float')
    case 'double':
      return (payload) => skip(payload, 8, 'a double')
    case 'string':
      return (payload) => skip(payload, varint(payload, 'the length of a string'), 'a string')
    case 'bytes':
      return (payload) => skip(payload, varint(payload, 'the length of bytes'), 'bytes')
    case 'fixed': {
      const { size } = type as types.FixedType
      return (payload) => skip(payload, size, 'a fixed')
    }
    case 'enum': {
      const count = (type as types.EnumType).symbols.length
      return (payload) => void index(payload, count, 'an enum')
    }
    case 'union:unwrapped':
    case 'union:wrapped': {
      const branches = (type as types.UnwrappedUnionType).types.map((branch) => measureOf(branch, records))
      return (payload) => branches[index(payload, branches.length, 'a union')]?.(payload)
    }
    case 'array':
      return blocks(measureOf((type as types.ArrayType).itemsType, records))
    case 'map': {
      const value = measureOf((type as types.MapType).valuesType as Type, records)
      return blocks((payload) => {
        mapKey(payload)
        value(payload)
      })
    }
    case 'record':
    case 'error':
      return record(type as types.RecordType, records)
    default:
      // Logical types are read as what lies under them; avsc knows no other.
      return measureOf((type as types.LogicalType).underlyingType, records)
  }
}

function record(type: types.RecordType, records: Map<Type, Measure>): Measure {
  const known = records.get(type)
  if (known) return known
  const fields: Measure[] = []
  const measure: Measure = (payload) => {
    for (const field of fields) field(payload)
  }
  records.set(type, measure)
  for (const field of type.fields) fields.push(measureOf(field.type, records))
  return measure
}

/**
 * Arrays and maps come in blocks of a count and as many items; a negative count is followed by the block's
 * size in bytes. An item takes at least a byte (arrays of nulls apart, which nobody writes), so a count can
 * never be more than the bytes that are left.
 */
function blocks(item: Measure): Measure {
  return (payload) => {
    for (;;) {
      let count = varint(payload, 'a count')
      if (count === 0) return
      let end = -1
      if (count < 0) {
        count = -count
        const size = varint(payload, 'the size of a block')
        end = payload.at + size
      }
      const left = payload.bytes.length - payload.at
      if (count > left) {
        throw new PayloadFault(`${count} items are announced, with ${left} bytes left`, true)
      }
      for (let done = 0; done < count; done++) item(payload)
      if (end !== -1 && payload.at !== end) {
        throw new PayloadFault('a block is of another size than it says', false)
      }
    }
  }
}

/** The key `__proto__` would set the prototype of what avsc reads, and its value would be gone. */
function mapKey(payload: Payload): void {
  const size = varint(payload, 'the length of a key')
  skip(payload, size, 'a key')
  if (size !== protoKey.length) return
  const start = payload.at - size
  if (protoKey.every((byte, index) => payload.bytes[start + index] === byte)) {
    throw new PayloadFault('a map has the key __proto__', false)
  }
}

function boolean(payload: Payload): void {
  const byte = payload.bytes[payload.at]
  if (byte === undefined) throw cut('a boolean')
  if (byte > 1) throw new PayloadFault(`a boolean is ${byte}`, false)
  payload.at++
}

function int(payload: Payload): void {
  const value = varint(payload, 'an int')
  if (value > intMax || value < -intMax - 1) throw new PayloadFault('an int has more than 32 bits', false)
}

function long(payload: Payload): void {
  const value = varint(payload, 'a long')
  if (value < longMin || value > longMax) {
    throw new PayloadFault('a long is beyond what JavaScript holds exactly', false)
  }
}

function index(payload: Payload, count: number, what: string): number {
  const value = varint(payload, what)
  if (value < 0 || value >= count) {
    throw new PayloadFault(`${what} has the index ${value}, of ${count}`, false)
  }
  return value
}

function skip(payload: Payload, size: number, what: string): void {
  if (size < 0) throw new PayloadFault(`${what} has a negative length`, false)
  if (size > payload.bytes.length - payload.at) throw cut(what)
  payload.at += size
}

/** A zigzag number of up to 64 bits; one that is not exact is at least certain to be out of every range. */
function varint(payload: Payload, what: string): number {
  const { bytes } = payload
  const start = payload.at
  let value = 0
  let factor = 1
  for (let at = start; at < start + varintBytesMax; at++) {
    const byte = bytes[at]
    if (byte === undefined) throw cut(what)
    value += (byte & 0x7f) * factor
    if (byte < 0x80) {
      payload.at = at + 1
      const isNegative = ((bytes[start] ?? 0) & 1) === 1
      if (!isNegative) return value / 2
      return value < zigzagMax ? -(value + 1) / 2 : Number.NEGATIVE_INFINITY
    }
    factor *= 128
  }
  throw new PayloadFault(`${what} is a number of more than 64 bits`, false)
}

function cut(what: string): PayloadFault {
  return new PayloadFault(`the bytes end within ${what}`, true)
}
