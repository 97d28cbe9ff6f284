import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { Reader } from './reader.ts'
import {
  array,
  between,
  boolean,
  bytes,
  type Infer,
  int16,
  int32,
  int64,
  int8,
  nullableArray,
  nullableBytes,
  nullableString,
  since,
  string,
  struct,
  tagged,
  type Type,
} from './schema.ts'
import { Writer } from './writer.ts'

function encode<T>(type: Type<T>, value: T, version = 0, isFlexible = false): Buffer {
  const writer = new Writer(version, isFlexible)
  type.write(writer, value)
  return writer.toBuffer()
}

function decode<T>(type: Type<T>, content: Buffer, version = 0, isFlexible = false): T {
  const reader = new Reader(content, version, isFlexible)
  const value = type.read(reader)
  expect(reader.remaining).toBe(0)
  return value
}

const hex = (content: Buffer): string => content.toString('hex')

const everything = struct({
  tiny: int8,
  short: int16,
  medium: int32,
  long: int64,
  flag: boolean,
  name: string,
  maybeName: nullableString,
  content: bytes,
  maybeContent: nullableBytes,
  numbers: array(int32),
  maybeRows: nullableArray(struct({ id: string, weights: array(int64) })),
})

const anyValue: fc.Arbitrary<Infer<typeof everything>> = fc.record({
  tiny: fc.integer({ min: -128, max: 127 }),
  short: fc.integer({ min: -32768, max: 32767 }),
  medium: fc.integer(),
  long: fc.maxSafeInteger(),
  flag: fc.boolean(),
  name: fc.string({ unit: 'grapheme' }),
  maybeName: fc.option(fc.string()),
  content: fc.uint8Array({ maxLength: 3000 }).map((value) => Buffer.from(value)),
  maybeContent: fc.option(fc.uint8Array().map((value) => Buffer.from(value))),
  numbers: fc.array(fc.integer()),
  maybeRows: fc.option(fc.array(fc.record({ id: fc.string(), weights: fc.array(fc.maxSafeInteger()) }))),
})

describe('the codec', () => {
  it.each([false, true])('reads back what it wrote (flexible: %s)', (isFlexible) => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(decode(everything, encode(everything, value, 0, isFlexible), 0, isFlexible)).toEqual(value)
      }),
    )
  })

  it('writes the bytes that the protocol guide demands', () => {
    expect(hex(encode(string, 'ab'))).toBe('00026162')
    expect(hex(encode(string, 'ab', 0, true))).toBe('036162')
    expect(hex(encode(nullableString, null))).toBe('ffff')
    expect(hex(encode(nullableString, null, 0, true))).toBe('00')
    expect(hex(encode(array(int16), [1, 2]))).toBe('0000000200010002')
    expect(hex(encode(array(int16), [1, 2], 0, true))).toBe('0300010002')
    expect(hex(encode(int64, -2))).toBe('fffffffffffffffe')
    expect(hex(encode(int64, 2 ** 32 + 5))).toBe('0000000100000005')
    expect(hex(encode(bytes, Buffer.alloc(200, 1), 0, true))).toBe(`c901${'01'.repeat(200)}`)
  })

  it('keeps an empty list and null apart', () => {
    for (const isFlexible of [false, true]) {
      const type = nullableArray(int32)
      expect(decode(type, encode(type, [], 0, isFlexible), 0, isFlexible)).toEqual([])
      expect(decode(type, encode(type, null, 0, isFlexible), 0, isFlexible)).toBeNull()
    }
  })
})

describe('versions', () => {
  const type = struct({
    always: int8,
    later: since(2, int8, () => 9),
    once: between(1, 1, int8),
  })

  it('carry only their fields; the others have the value that stands for absence', () => {
    const value = { always: 1, later: 2, once: 3 }
    expect(hex(encode(type, value, 0))).toBe('01')
    expect(hex(encode(type, value, 1))).toBe('0103')
    expect(hex(encode(type, value, 2))).toBe('0102')
    expect(decode(type, Buffer.from('01', 'hex'), 0)).toEqual({ always: 1, later: 9, once: 0 })
  })
})

describe('flexible structs', () => {
  const old = struct({ id: int8 })
  const type = struct({
    id: int8,
    note: tagged(1, 3, string),
    rank: tagged(0, 3, int32, () => -1),
  })

  it('write tagged fields in the order of their tags, and only those that say something', () => {
    expect(hex(encode(type, { id: 1, note: 'x', rank: 7 }, 3, true))).toBe('010200040000000701020278')
    expect(hex(encode(type, { id: 1, note: '', rank: -1 }, 3, true))).toBe('0100')
    expect(hex(encode(type, { id: 1, note: 'x', rank: 7 }, 2, true))).toBe('0100')
  })

  it('are read by those who know fewer tags, and more', () => {
    const full = encode(type, { id: 1, note: 'x', rank: 7 }, 3, true)
    expect(decode(type, full, 3, true)).toEqual({ id: 1, note: 'x', rank: 7 })
    expect(decode(old, full, 3, true)).toEqual({ id: 1 })
    expect(decode(type, encode(old, { id: 1 }, 3, true), 3, true)).toEqual({ id: 1, note: '', rank: -1 })
  })
})

describe('bytes that lie', () => {
  it.each([
    ['a string longer than the frame', string, '000561'],
    ['bytes longer than the frame', bytes, '7fffffff00'],
    ['an array longer than the frame', array(int8), '7fffffff00'],
    ['null for something required', string, 'ffff'],
    ['an integer cut short', int32, '0000'],
  ] as [string, Type<unknown>, string][])('end in a protocol error: %s', (_what, type, content) => {
    expect(() => type.read(new Reader(Buffer.from(content, 'hex'), 0, false))).toThrow(
      expect.objectContaining({ name: 'ProtocolError' }),
    )
  })

  it('end in a protocol error: a varint without end', () => {
    const reader = new Reader(Buffer.alloc(10, 0xff), 0, true)
    expect(() => string.read(reader)).toThrow(expect.objectContaining({ name: 'ProtocolError' }))
  })
})

describe('a frame', () => {
  it('attaches large bytes where they lie and copies small ones', () => {
    const large = Buffer.alloc(5000, 1)
    const writer = new Writer(0, false)
    int32.write(writer, 1)
    bytes.write(writer, large)
    int32.write(writer, 2)
    const parts = writer.frame()
    expect(parts.some((part) => part === large)).toBe(true)
    const whole = Buffer.concat(parts)
    expect(whole.readInt32BE(0)).toBe(whole.length - 4)
    expect(hex(whole.subarray(-4))).toBe('00000002')
  })
})
