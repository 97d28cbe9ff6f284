import { isTroupeError, messageOf } from './errors.ts'
import type { RecordHeaders } from './envelope.ts'
import { laneOf, type OutgoingRecord, type TopicPartition } from './ports.ts'

/** A consumed record, untouched. */
export interface RawRecord extends TopicPartition {
  readonly offset: bigint
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: RecordHeaders
  readonly timestampMs: number
}

/** Header names of KIP-1191, and Troupe's own beside them. */
export const deadLetterHeaders = {
  topic: '__dlq.errors.topic',
  partition: '__dlq.errors.partition',
  offset: '__dlq.errors.offset',
  message: '__dlq.errors.exception.message',
  code: 'troupe_error_code',
  failedAt: 'troupe_failed_at',
  attempts: 'troupe_attempts',
} as const

const messageLengthMax = 2_000

/** The record as a dead letter: key, value and headers as they came, and why it could not be handled. */
export function deadLetterOf(
  record: RawRecord,
  error: unknown,
  {
    deadLetterTopic,
    timeMs,
    attempts,
  }: { readonly deadLetterTopic: string; readonly timeMs: number; readonly attempts: number },
): OutgoingRecord {
  return {
    id: `dead-letter:${record.topic}/${record.partition}/${record.offset}`,
    lane: laneOf(record),
    topic: deadLetterTopic,
    key: record.key,
    value: record.value,
    headers: {
      ...record.headers,
      [deadLetterHeaders.topic]: record.topic,
      [deadLetterHeaders.partition]: String(record.partition),
      [deadLetterHeaders.offset]: String(record.offset),
      [deadLetterHeaders.message]: messageOf(error).slice(0, messageLengthMax),
      [deadLetterHeaders.code]: isTroupeError(error) ? error.code : 'TROUPE_REACTION_FAILED',
      [deadLetterHeaders.failedAt]: new Date(timeMs).toISOString(),
      [deadLetterHeaders.attempts]: String(attempts),
    },
  }
}
