import { describe, expect, it } from '@jest/globals'
import { decodeTopicIds, encodeTopicIdsRequest } from './topic-ids.ts'

const hex = (...parts: readonly string[]) => Buffer.from(parts.join('').replaceAll(' ', ''), 'hex')
const idBytes = '00112233445566778899aabbccddeeff'
const noId = '0'.repeat(32)

/** A topic with one partition, as Kafka answers. */
const topic = (errorCode: string, name: string, id: string) =>
  [
    errorCode,
    name,
    id,
    '00 02 0000 00000000 00000001 00000000',
    '02 00000001 02 00000001 01 00',
    '80000000 00',
  ].join('')

describe('asking for the ids of topics', () => {
  it('writes a request that makes no topic', () => {
    expect(encodeTopicIdsRequest(['ab', 'c'])).toEqual(
      hex('00', '03', noId, '03 6162 00', noId, '02 63 00', '00 00 00', '00'),
    )
  })

  it('reads an id as Kafka shows it, past brokers, partitions and fields that are unknown here', () => {
    const answer = hex(
      '00 00000000',
      // One broker, with a rack, and with a field of a later version.
      '02 00000001 0a 3132372e302e302e31 00002384 02 72 01 05 02 ffff',
      // The cluster's name, its controller.
      '02 63 00000001',
      '04',
      topic('0000', '03 6162', idBytes),
      // Not there; and one of a time before ids.
      topic('0003', '02 63', noId),
      topic('0000', '02 64', noId),
      '80000000 00',
    )
    expect([...decodeTopicIds(answer)]).toEqual([['ab', Buffer.from(idBytes, 'hex').toString('base64url')]])
  })

  it('refuses an answer that is cut off, wherever', () => {
    const whole = hex('00 00000000 01 00 00000001 02', topic('0000', '03 6162', idBytes), '80000000 00')
    expect(decodeTopicIds(whole).size).toBe(1)
    for (let size = 0; size < whole.length - 5; size += 1)
      expect(() => decodeTopicIds(whole.subarray(0, size))).toThrow(RangeError)
  })
})
