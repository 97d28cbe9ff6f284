import { createRequire } from 'node:module'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { murmur2, partitionOfKey } from './murmur2.ts'

const theirs = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2.js') as (
  key: Buffer,
) => number

describe('the hash of a key', () => {
  // Source: Kafka, UtilsTest.testMurmur2.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('is the one of the Java client: %s', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash)
  })

  it('is the one that kafkajs computes, of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (key) => {
        expect(murmur2(key)).toBe(theirs(Buffer.from(key)))
      }),
    )
  })

  it('chooses a partition without its sign', () => {
    // What the Java client's BuiltInPartitioner.partitionForKey gives.
    expect(partitionOfKey(Buffer.from('21'), 7)).toBe((-973932308 & 0x7fffffff) % 7)
    expect(partitionOfKey(Buffer.from('abc'), 7)).toBe(479470107 % 7)
  })
})
