import { describe, expect, it } from '@jest/globals'
import { namingPort } from './kafka-addresses.ts'

function frame(...parts: readonly (string | number)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(part)
      const bytes = Buffer.alloc(4)
      bytes.writeInt32BE(part)
      return bytes
    }),
  )
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}

describe("A broker's answers, through a proxy", () => {
  const answer = frame('xx', '127.0.0.1', 9092, '127.0.0.1', 9093, 'yy')
  const renamed = frame('xx', '127.0.0.1', 7000, '127.0.0.1', 9093, 'yy')

  it("name the proxy's port where they named the broker's, however they are cut", () => {
    const both = Buffer.concat([answer, answer])
    for (let cut = 0; cut <= both.length; cut += 1) {
      const rename = namingPort(9092, 7000)
      const passed = Buffer.concat([rename(both.subarray(0, cut)), rename(both.subarray(cut))])
      expect(passed).toEqual(Buffer.concat([renamed, renamed]))
    }
  })

  it('are passed on piece by piece, and as they are, where they are large', () => {
    const large = frame('127.0.0.1', 9092, 'x'.repeat(100_000))
    const rename = namingPort(9092, 7000)
    expect(rename(large.subarray(0, 50_000))).toEqual(large.subarray(0, 50_000))
    expect(Buffer.concat([rename(large.subarray(50_000)), rename(answer)])).toEqual(
      Buffer.concat([large.subarray(50_000), renamed]),
    )
  })
})
