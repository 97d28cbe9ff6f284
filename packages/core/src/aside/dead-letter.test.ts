import { describe, expect, it } from '@jest/globals'
import { deadLetterIdOf, deadLetterOf } from './dead-letter.ts'
import { TroupeError } from '../errors.ts'
import { failureOf } from './failure.ts'
import type { RawRecord } from '../event/record.ts'

const record: RawRecord = {
  topic: 'order.events',
  partition: 2,
  offset: 41n,
  key: Uint8Array.of(1),
  value: Uint8Array.of(2, 3),
  headers: { ce_type: 'OrderReceived', raw: [Uint8Array.of(0), 'b'] },
  timestampMs: 1,
}
const facts = {
  deadLetterTopic: 'payment.dlq',
  attempts: 3,
  firstFailedAtMs: Date.UTC(2026, 0, 1),
  failedAtMs: Date.UTC(2026, 0, 2),
}

describe('a dead letter', () => {
  it('keeps key, value and headers as they came, and says where from and why, as KIP-1191 does', () => {
    const failure = failureOf(new TroupeError('TROUPE_SCHEMA_MISMATCH', 'It does not fit.'), 'charge')
    expect(deadLetterOf(record, { ...failure, stack: 'at charge' }, { ...facts, group: 'payment' })).toEqual({
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
        troupe_error_stack: 'at charge',
        troupe_failure_group: failure.group,
        troupe_reaction: 'charge',
        troupe_dead_letter: 'order.events/2/41',
        troupe_first_failed_at: '2026-01-01T00:00:00.000Z',
        troupe_failed_at: '2026-01-02T00:00:00.000Z',
      },
    })
  })

  it('keeps a record without key and value, and says nothing of a reaction where nothing could be read', () => {
    const letter = deadLetterOf({ ...record, key: null, value: null }, failureOf(undefined, undefined), facts)
    expect(letter).toMatchObject({ key: null, value: null })
    for (const absent of ['__dlq.errors.group', 'troupe_reaction', 'troupe_error_stack'])
      expect(letter.headers).not.toHaveProperty([absent])
  })

  it('says where it died last when it died before', () => {
    const first = deadLetterOf(record, failureOf(new Error('first'), 'charge'), facts)
    const again = deadLetterOf(
      { ...record, topic: 'payment.dlq', offset: 7n, headers: first.headers },
      failureOf('second', 'charge'),
      facts,
    )
    expect(again.headers).toMatchObject({
      '__dlq.errors.topic': 'payment.dlq',
      '__dlq.errors.offset': '7',
      '__dlq.errors.message': 'second',
      troupe_error_code: 'TROUPE_REACTION_FAILED',
    })
  })

  it('goes out under another id once it was redriven, and has one name for people all the same', () => {
    const failure = failureOf('x', 'charge')
    const ids = [0, 1].map((redrives) => deadLetterOf(record, failure, { ...facts, redrives }).id)
    expect(ids).toEqual(['dead-letter:order.events/2/41', 'dead-letter:order.events/2/41#1'])
    expect(deadLetterIdOf(record)).toBe('order.events/2/41')
  })

  it('has a name of its own in each life of its topic, and says where it was in that one', () => {
    const reborn = { ...record, life: 2 }
    expect(deadLetterIdOf(reborn)).toBe('order.events/2/41~2')
    const { id, headers } = deadLetterOf(reborn, failureOf('x', 'charge'), facts)
    expect(id).toBe('dead-letter:order.events/2/41~2')
    expect(headers).toMatchObject({
      '__dlq.errors.offset': '41',
      troupe_dead_letter: 'order.events/2/41~2',
    })
  })
})
