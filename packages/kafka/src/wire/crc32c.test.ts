import { createRequire } from 'node:module'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { crc32C } from './crc32c.ts'

const theirs = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/crc32C/index.js') as (
  bytes: Uint8Array,
) => number

describe('the checksum', () => {
  it('is that of RFC 3720 for its examples', () => {
    expect(crc32C(Buffer.from('123456789'))).toBe(0xe3069283)
    expect(crc32C(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32C(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
    expect(crc32C(Uint8Array.from({ length: 32 }, (_, at) => at))).toBe(0x46dd794e)
  })

  it('is the one that kafkajs computes byte by byte, of any part of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(100), (bytes, one, other) => {
        const start = Math.min(one, other, bytes.length)
        const end = Math.min(Math.max(one, other), bytes.length)
        expect(crc32C(bytes, start, end)).toBe(theirs(bytes.subarray(start, end)))
      }),
    )
  })
})
