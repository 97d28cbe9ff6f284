import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { bigintArray, bytesArray, jsonArray, textArray } from './parameters.ts'

const oids = { bytea: 17, text: 25, int8: 20 }

/** What PostgreSQL's array_recv makes of a parameter. */
function received(parameter: Buffer): { readonly oid: number; readonly elements: (Buffer | null)[] } {
  const [dimensions, hasNull, oid] = [0, 4, 8].map((at) => parameter.readInt32BE(at))
  if (dimensions === 0) {
    expect(parameter).toHaveLength(12)
    return { oid: oid as number, elements: [] }
  }
  expect([dimensions, parameter.readInt32BE(16)]).toEqual([1, 1])
  const elements: (Buffer | null)[] = []
  let at = 20
  for (let left = parameter.readInt32BE(12); left > 0; left -= 1) {
    const size = parameter.readInt32BE(at)
    at += 4
    elements.push(size === -1 ? null : parameter.subarray(at, at + size))
    at += Math.max(size, 0)
  }
  expect(at).toBe(parameter.length)
  expect(hasNull).toBe(elements.includes(null) ? 1 : 0)
  return { oid: oid as number, elements }
}

const bytesOf = (values: readonly (string | null)[]) =>
  values.map((value) => (value === null ? null : Buffer.from(value)))

const anyText = fc.oneof(
  fc.stringMatching(/^[ -~]{0,100}$/),
  fc.string({ unit: 'grapheme', maxLength: 100 }).filter((text) => !text.includes('\0')),
)
const maybe = <Value>(one: fc.Arbitrary<Value>) => fc.array(fc.option(one), { maxLength: 8 })

describe('an array on its way to PostgreSQL', () => {
  it('holds every text as its UTF-8, plain or not, short or long, and nothing else', () => {
    fc.assert(
      fc.property(maybe(anyText), (values) => {
        expect(received(textArray(values, 'text'))).toEqual({ oid: oids.text, elements: bytesOf(values) })
      }),
    )
  })

  it('holds bytes as they are, and a text among them as its UTF-8', () => {
    const bytes = fc.uint8Array({ maxLength: 100 })
    fc.assert(
      fc.property(maybe(fc.oneof(anyText, bytes)), (values) => {
        const elements = values.map((value) => (value === null ? null : Buffer.from(value)))
        expect(received(bytesArray(values))).toEqual({ oid: oids.bytea, elements })
      }),
    )
  })

  it('holds each JSON document as a text, and none where there is none', () => {
    const elements = bytesOf(['{"a":"\\u0000ß"}', null, 'null', '"\\ud800"'])
    expect(received(jsonArray([{ a: '\0ß' }, undefined, null, '\ud800']))).toEqual({
      oid: oids.text,
      elements,
    })
  })

  it('holds numbers of any size', () => {
    const values = [0, -1, 2n ** 63n - 1n]
    const { oid, elements } = received(bigintArray(values))
    expect(oid).toBe(oids.int8)
    expect(elements.map((element) => element?.readBigInt64BE())).toEqual([0n, -1n, 2n ** 63n - 1n])
  })

  it('is refused where a text cannot be stored as it is, wherever in it that stands', () => {
    const long = 'x'.repeat(200)
    for (const flaw of ['\0', '\ud800', '\udc00ß'])
      for (const value of [flaw, `short${flaw}`, `${long}${flaw}`, `${flaw}${long}`])
        expect(() => textArray(['fine', value], 'event id')).toThrow(/^The event id .* cannot be stored/)
  })
})
