import { problemOf } from '../client/kafka-error.ts'

/**
 * What a failed publish means.
 *
 * - `retry`: trouble of the world, or of the client; the same records go out again.
 * - `record`: some record of the request will never be taken, or all of them together are too much.
 * - `topic`: no record will ever be taken into this topic.
 */
export type PublishVerdict = 'retry' | 'record' | 'topic'

const recordProblems = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TIMESTAMP',
  'INVALID_RECORD',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
])

export function publishVerdictOf(error: unknown): PublishVerdict {
  const { type } = problemOf(error)
  if (type === undefined) return 'retry'
  if (recordProblems.has(type)) return 'record'
  return type === 'INVALID_TOPIC_EXCEPTION' ? 'topic' : 'retry'
}

/**
 * True if the broker answered, so that kafkajs's connections are in order. After anything else they are
 * made anew: what kafkajs knows of the cluster may be wrong in ways that it does not recover from.
 */
export function isAnswer(error: unknown): boolean {
  return problemOf(error).type !== undefined
}
