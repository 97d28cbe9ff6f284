import type { RecordHeaders } from './envelope.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A consumed record, untouched. */
export interface RawRecord extends TopicPartition {
  readonly offset: bigint
  /**
   * How many topics of this name the service had read before this one was made: a topic that is deleted and made
   * again gives out the same offsets once more. Left out for the first.
   */
  readonly life?: number
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

export function isSameEvent(one: EventName | undefined, other: EventName): boolean {
  return one?.source === other.source && one.id === other.id
}
