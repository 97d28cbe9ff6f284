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

/** Header names of KIP-1191, and Troupe's own beside them. Every value is UTF-8 text. */
export const deadLetterHeaders = {
  topic: '__dlq.errors.topic',
  partition: '__dlq.errors.partition',
  offset: '__dlq.errors.offset',
  group: '__dlq.errors.group',
  attempts: '__dlq.errors.delivery.count',
  message: '__dlq.errors.message',
  code: 'troupe_error_code',
  failedAt: 'troupe_failed_at',
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
    group,
  }: {
    readonly deadLetterTopic: string
    readonly timeMs: number
    readonly attempts: number
    readonly group?: string
  },
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
      ...(group === undefined ? {} : { [deadLetterHeaders.group]: group }),
      [deadLetterHeaders.message]: fitText(messageOf(error)),
      [deadLetterHeaders.code]: isTroupeError(error) ? error.code : 'TROUPE_REACTION_FAILED',
      [deadLetterHeaders.failedAt]: new Date(timeMs).toISOString(),
      [deadLetterHeaders.attempts]: String(attempts),
    },
  }
}

/** An error may quote the bytes that caused it: what the outbox could not keep must not hold up the dead letter. */
function fitText(text: string): string {
  return text.slice(0, messageLengthMax).replace(/\0|\p{Surrogate}/gu, '\uFFFD')
}
