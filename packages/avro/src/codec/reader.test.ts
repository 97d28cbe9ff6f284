import { describe, expect, it } from '@jest/globals'
import { type AvroRecordSchema, isTroupeError } from '@troupe/core'
import avsc from 'avsc'
import fc from 'fast-check'
import { avroEvent } from '../event/avro-event.ts'
import { typeOf } from './avsc-type.ts'
import { readerOf } from './reader.ts'
import { headerBytes, writeHeader } from './wire-format.ts'

const schemaId = 7

describe('any event of any schema', () => {
  it('is read as it was completed and written', () => {
    fc.assert(
      fc.property(schemaAndInput(), ({ schema, input }) => {
        const type = avroEvent({ owner: 'order', schema })
        const data = type.complete(input)
        const own = typeOf(type)
        expect(readerOf(type, own, own, schemaId)(record(own, data))).toStrictEqual(data)
        // Through a resolver too: another version's schema that says the same.
        const other = avsc.Type.forSchema({ ...schema, namespace: 'elsewhere' } as unknown as avsc.Type)
        expect(readerOf(type, own, other, schemaId)(record(own, data))).toStrictEqual(data)
      }),
      { numRuns: 300 },
    )
  })

  it('never fails without a name, whichever byte is damaged or cut off', () => {
    fc.assert(
      fc.property(
        schemaAndInput(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        ({ schema, input }, at, flip) => {
          const type = avroEvent({ owner: 'order', schema })
          const own = typeOf(type)
          const read = readerOf(type, own, own, schemaId)
          const whole = record(own, type.complete(input))
          const position = headerBytes + (at % (whole.length - headerBytes))
          const damaged = Buffer.from(whole)
          damaged[position] = (damaged[position] ?? 0) ^ flip
          expect(codeOf(() => read(damaged))).toMatch(
            /^(?:read|TROUPE_WIRE_FORMAT_TRUNCATED|TROUPE_SCHEMA_MISMATCH)$/,
          )
          expect(codeOf(() => read(whole.subarray(0, position)))).toBe('TROUPE_WIRE_FORMAT_TRUNCATED')
          expect(codeOf(() => read(Buffer.concat([whole, Buffer.of(0)])))).toBe(
            'TROUPE_WIRE_FORMAT_TRUNCATED',
          )
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('hostile bytes', () => {
  const huge = [0xfe, 0xff, 0xff, 0xff, 0x1f]
  const beyondDouble = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]

  it.each([
    ['a string longer than what is left', 'string', huge, 'TRUNCATED', 'the bytes end within a string'],
    ['a string of negative length', 'string', [1], 'MISMATCH', 'negative length'],
    ['bytes longer than what is left', 'bytes', huge, 'TRUNCATED', 'the bytes end within bytes'],
    [
      'an array of more items than bytes',
      { type: 'array', items: 'int' },
      huge,
      'TRUNCATED',
      'items are announced, with 0 bytes left',
    ],
    [
      'a second block of more items than bytes',
      { type: 'array', items: 'int' },
      [2, 0, ...huge],
      'TRUNCATED',
      'items are announced',
    ],
    [
      'an array of a count beyond all numbers',
      { type: 'array', items: 'int' },
      beyondDouble,
      'TRUNCATED',
      '',
    ],
    [
      'a map of more entries than bytes',
      { type: 'map', values: 'int' },
      huge,
      'TRUNCATED',
      'items are announced',
    ],
    [
      'a block that lies about its size',
      { type: 'array', items: 'int' },
      [1, 9, 0, 0],
      'MISMATCH',
      'another size',
    ],
    ['a block of negative size', { type: 'array', items: 'int' }, [1, 3, 0, 0], 'MISMATCH', 'another size'],
    ['a number without end', 'long', Array.from({ length: 11 }, () => 0xff), 'MISMATCH', 'more than 64 bits'],
    ['a long that JavaScript cannot hold', 'long', beyondDouble, 'MISMATCH', 'beyond what JavaScript holds'],
    ['a long just below what avsc reads right', 'long', zigzag(-(2n ** 52n) - 1n), 'MISMATCH', 'beyond what'],
    ['a long just above what avsc reads', 'long', zigzag(2n ** 53n - 1n), 'MISMATCH', 'beyond what'],
    ['an int of more than 32 bits', 'int', [0x80, 0x80, 0x80, 0x80, 0x20], 'MISMATCH', 'more than 32 bits'],
    ['a boolean of 2', 'boolean', [2], 'MISMATCH', 'a boolean is 2'],
    [
      'an enum beyond its symbols',
      { type: 'enum', name: 'E', symbols: ['A'] },
      [2],
      'MISMATCH',
      'index 1, of 1',
    ],
    ['a union beyond its types', ['null', 'int'], [4], 'MISMATCH', 'index 2, of 2'],
  ])('with %s are refused at once', (_, fieldType, payload, code, problem) => {
    const type = eventWith({ name: 'value', type: fieldType })
    const own = typeOf(type)
    const bytes = Buffer.from([0, 0, 0, 0, schemaId, 2, 0x78, ...payload])
    const error = errorOf(() => readerOf(type, own, own, schemaId)(bytes))
    expect(error.code).toMatch(code)
    expect(error.message).toContain(problem)
  })

  it('are refused in fields that this service does not read, too', () => {
    const type = eventWith({ name: 'note', type: 'string', default: '' })
    const writer = avsc.Type.forSchema(
      schemaOf([{ name: 'list', type: { type: 'array', items: 'int' } }]) as unknown as avsc.Type,
    )
    const read = readerOf(type, typeOf(type), writer, schemaId)
    expect(errorOf(() => read(Buffer.from([0, 0, 0, 0, 7, 2, 0x78, ...huge]))).code).toBe(
      'TROUPE_WIRE_FORMAT_TRUNCATED',
    )
    // A negative block size would send a reader that trusts it back to the start, for ever.
    expect(errorOf(() => read(Buffer.from([0, 0, 0, 0, 7, 2, 0x78, 1, 3, 0, 0]))).code).toBe(
      'TROUPE_SCHEMA_MISMATCH',
    )
  })

  it('that nest without end are refused', () => {
    const type = eventWith({ name: 'child', type: ['null', 'OrderReceived'], default: null })
    const own = typeOf(type)
    const bytes = Buffer.concat([
      Buffer.from([0, 0, 0, 0, schemaId]),
      Buffer.alloc(400_000, Buffer.from([0, 2])),
    ])
    expect(errorOf(() => readerOf(type, own, own, schemaId)(bytes)).message).toContain('nested too deeply')
  })
})

describe('a record of another schema', () => {
  it('is read with this service’s defaults, and without what it does not know', () => {
    const type = eventWith({ name: 'note', type: 'string', default: 'none' })
    const writer = typeOf(eventWith({ name: 'extra', type: 'int' }))
    expect(
      readerOf(type, typeOf(type), writer, schemaId)(record(writer, { orderId: 'o1', extra: 5 })),
    ).toStrictEqual({
      orderId: 'o1',
      note: 'none',
    })
  })

  it('that cannot be read as this service’s is refused by name, each time', () => {
    const type = eventWith({ name: 'note', type: 'int' })
    const writer = typeOf(eventWith({ name: 'note', type: 'string' }))
    const read = readerOf(type, typeOf(type), writer, schemaId)
    for (let time = 0; time < 2; time++) {
      const error = errorOf(() => read(record(writer, { orderId: 'o1', note: '' })))
      expect(error.code).toBe('TROUPE_SCHEMA_MISMATCH')
      expect(error.message).toContain(
        'OrderReceived was written with the schema of id 7, and its schema cannot be read',
      )
    }
  })
})

function record(type: avsc.Type, data: object): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(headerBytes), type.toBuffer(data)])
  writeHeader(bytes, schemaId)
  return bytes
}

function zigzag(value: bigint): number[] {
  let rest = value >= 0n ? value * 2n : -value * 2n - 1n
  const bytes: number[] = []
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return [...bytes, Number(rest)]
}

function schemaOf(fields: readonly unknown[]): AvroRecordSchema {
  return {
    type: 'record',
    name: 'OrderReceived',
    namespace: 'order',
    key: 'orderId',
    fields: [{ name: 'orderId', type: 'string' }, ...fields],
  }
}

function eventWith(field: object) {
  return avroEvent({ owner: 'order', schema: schemaOf([field]) })
}

function errorOf(act: () => unknown): { code: string; message: string } {
  try {
    act()
  } catch (error) {
    if (isTroupeError(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}

function codeOf(act: () => unknown): string {
  try {
    act()
    return 'read'
  } catch (error) {
    if (isTroupeError(error)) return error.code
    throw error
  }
}

/** A type, as JSON once its names are given out, and values of it. */
interface Kind {
  readonly schema: (name: () => string) => unknown
  readonly values: fc.Arbitrary<unknown>
}

/** A schema of up to five fields, nested up to three deep, with an input that fits. */
function schemaAndInput(): fc.Arbitrary<{ schema: AvroRecordSchema; input: object }> {
  return fc.array(kinds(3), { maxLength: 5 }).chain((fields) => {
    let count = 0
    const name = () => `N${count++}`
    const schema = schemaOf(fields.map((kind, index) => ({ name: `f${index}`, type: kind.schema(name) })))
    const input = fc.record({
      orderId: fc.string({ minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0')),
      ...Object.fromEntries(fields.map(({ values }, index) => [`f${index}`, values])),
    })
    return input.map((one) => ({ schema, input: one }))
  })
}

function kinds(depth: number): fc.Arbitrary<Kind> {
  const plain = fc.constantFrom<Kind>(
    { schema: () => 'boolean', values: fc.boolean() },
    { schema: () => 'string', values: fc.string({ unit: 'grapheme', maxLength: 200 }) },
    { schema: () => 'int', values: fc.integer() },
    { schema: () => 'long', values: fc.integer({ min: -(2 ** 52), max: 2 ** 53 - 2 }) },
    { schema: () => 'float', values: fc.float({ noNaN: true, noDefaultInfinity: true }) },
    { schema: () => 'double', values: fc.double({ noNaN: true, noDefaultInfinity: true }) },
    { schema: () => 'bytes', values: fc.uint8Array({ maxLength: 100 }) },
    { schema: () => ({ type: 'string', logicalType: 'uuid' }), values: fc.uuid() },
    {
      schema: () => ({ type: 'long', logicalType: 'timestamp-millis' }),
      values: fc.date({ noInvalidDate: true, min: new Date(-(2 ** 52)) }).map((date) => date.getTime()),
    },
    {
      schema: (name) => ({ type: 'enum', name: name(), symbols: ['A', 'B', 'C'] }),
      values: fc.constantFrom('A', 'B', 'C'),
    },
    {
      schema: (name) => ({ type: 'fixed', name: name(), size: 4 }),
      values: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    },
  )
  if (depth === 0) return plain
  return fc.oneof(
    { weight: 3, arbitrary: plain },
    kinds(depth - 1).map(
      ({ schema, values }): Kind => ({
        schema: (name) => ({ type: 'array', items: schema(name) }),
        values: fc.array(values, { maxLength: 4 }),
      }),
    ),
    kinds(depth - 1).map(
      ({ schema, values }): Kind => ({
        schema: (name) => ({ type: 'map', values: schema(name) }),
        values: fc.dictionary(
          fc.string({ maxLength: 5 }).filter((key) => key !== '__proto__'),
          values,
          { maxKeys: 4, noNullPrototype: true },
        ),
      }),
    ),
    kinds(depth - 1)
      .filter(({ schema }) => !Array.isArray(schema(() => 'x')))
      .map(
        ({ schema, values }): Kind => ({
          schema: (name) => ['null', schema(name)],
          values: fc.option(values),
        }),
      ),
    fc.array(kinds(depth - 1), { minLength: 1, maxLength: 3 }).map(
      (fields): Kind => ({
        schema: (name) => ({
          type: 'record',
          name: name(),
          fields: fields.map((kind, index) => ({ name: `g${index}`, type: kind.schema(name) })),
        }),
        values: fc.record(Object.fromEntries(fields.map(({ values }, index) => [`g${index}`, values]))),
      }),
    ),
  )
}
