import { describe, expect, it } from '@jest/globals'
import { deadLetterOf, type RawRecord } from './dead-letter.ts'
import { TroupeError } from './errors.ts'

const record: RawRecord = {
  topic: 'order.events',
  partition: 2,
  offset: 41n,
  key: Uint8Array.of(1),
  value: Uint8Array.of(2, 3),
  headers: { ce_type: 'OrderReceived', raw: [Uint8Array.of(0), 'b'] },
  timestampMs: 1,
}
const where = { deadLetterTopic: 'payment.dlq', timeMs: Date.UTC(2026, 0, 2), attempts: 3 }

describe('a dead letter', () => {
  it('keeps key, value and headers as they came, and says where from and why, as KIP-1191 does', () => {
    const error = new TroupeError('TROUPE_SCHEMA_MISMATCH', 'It does not fit.')
    expect(deadLetterOf(record, error, { ...where, group: 'payment' })).toEqual({
      id: 'dead-letter:order.events/2/41',
      lane: 'order.events/2',
      topic: 'payment.dlq',
      key: record.key,
      value: record.value,
      headers: {
        ...record.headers,
        '__dlq.errors.topic': 'order.events',
        '__dlq.errors.partition': '2',
        '__dlq.errors.offset': '41',
        '__dlq.errors.group': 'payment',
        '__dlq.errors.delivery.count': '3',
        '__dlq.errors.message': 'It does not fit.',
        troupe_error_code: 'TROUPE_SCHEMA_MISMATCH',
        troupe_failed_at: '2026-01-02T00:00:00.000Z',
      },
    })
  })

  it('keeps a record without key and value', () => {
    const letter = deadLetterOf({ ...record, key: null, value: null }, new Error('x'), where)
    expect(letter).toMatchObject({ key: null, value: null })
    expect(letter.headers).not.toHaveProperty(['__dlq.errors.group'])
  })

  it('says where it died last when it died before', () => {
    const first = deadLetterOf(record, new Error('first'), where)
    const again = deadLetterOf(
      { ...record, topic: 'payment.dlq', offset: 7n, headers: first.headers },
      'second',
      where,
    )
    expect(again.headers).toMatchObject({
      '__dlq.errors.topic': 'payment.dlq',
      '__dlq.errors.offset': '7',
      '__dlq.errors.message': 'second',
      troupe_error_code: 'TROUPE_REACTION_FAILED',
    })
  })

  it('bounds what an error says, and keeps it text that can be stored and sent', () => {
    const { headers } = deadLetterOf(record, new Error(`\0${'🎭'.repeat(2_000)}`), where)
    const message = headers['__dlq.errors.message'] as string
    expect(message).toHaveLength(2_000)
    expect(message).not.toMatch(/\0|\p{Surrogate}/u)
  })
})
