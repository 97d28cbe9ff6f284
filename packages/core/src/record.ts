import type { RecordHeaders } from './envelope.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A consumed record, untouched. */
export interface RawRecord extends TopicPartition {
  readonly offset: bigint
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: RecordHeaders
  readonly timestampMs: number
}

/** Names an event in the inbox: ids are unique per source only. */
export interface EventName {
  readonly source: string
  readonly id: string
}
