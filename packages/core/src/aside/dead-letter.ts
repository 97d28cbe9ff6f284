import type { Failure } from './failure.ts'
import { offsetName } from '../event/log-place.ts'
import { laneOf, type OutgoingRecord } from '../ports.ts'
import type { RawRecord } from '../event/record.ts'

/** Header names of KIP-1191, and Troupe's own beside them. Every value is UTF-8 text. */
export const deadLetterHeaders = {
  topic: '__dlq.errors.topic',
  partition: '__dlq.errors.partition',
  offset: '__dlq.errors.offset',
  group: '__dlq.errors.group',
  attempts: '__dlq.errors.delivery.count',
  message: '__dlq.errors.message',
  code: 'troupe_error_code',
  stack: 'troupe_error_stack',
  failureGroup: 'troupe_failure_group',
  reaction: 'troupe_reaction',
  letter: 'troupe_dead_letter',
  firstFailedAt: 'troupe_first_failed_at',
  failedAt: 'troupe_failed_at',
} as const

/**
 * Names a dead letter after the place of its record, in the ledger and wherever people ask for it: `topic/partition/offset`,
 * and `~1`, `~2` behind that where the topic had been deleted and made again.
 */
export function deadLetterIdOf(record: Pick<RawRecord, 'topic' | 'partition' | 'offset' | 'life'>): string {
  return `${record.topic}/${record.partition}/${offsetName(record)}`
}

/** What is known of a record's failures. */
export interface DeadLetterFacts {
  readonly deadLetterTopic: string
  /** How often it was tried, this time included. */
  readonly attempts: number
  readonly firstFailedAtMs: number
  readonly failedAtMs: number
  /** The consumer group that could not handle it. */
  readonly group?: string
  /** How often it has been a dead letter before, and was redriven. */
  readonly redrives?: number
}

/** The record as a dead letter: key, value and headers as they came, and why it could not be handled. */
export function deadLetterOf(
  record: RawRecord,
  failure: Failure,
  { deadLetterTopic, attempts, firstFailedAtMs, failedAtMs, group, redrives = 0 }: DeadLetterFacts,
): OutgoingRecord {
  return {
    // An outbox holds an id once, and the one before may be in it still.
    id: `dead-letter:${deadLetterIdOf(record)}${redrives === 0 ? '' : `#${redrives}`}`,
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
      [deadLetterHeaders.attempts]: String(attempts),
      [deadLetterHeaders.message]: failure.message,
      [deadLetterHeaders.code]: failure.code,
      ...(failure.stack === undefined ? {} : { [deadLetterHeaders.stack]: failure.stack }),
      [deadLetterHeaders.failureGroup]: failure.group,
      ...(failure.reaction === undefined ? {} : { [deadLetterHeaders.reaction]: failure.reaction }),
      [deadLetterHeaders.letter]: deadLetterIdOf(record),
      [deadLetterHeaders.firstFailedAt]: new Date(firstFailedAtMs).toISOString(),
      [deadLetterHeaders.failedAt]: new Date(failedAtMs).toISOString(),
    },
  }
}
