import type { OutgoingRecord } from '@troupe/core'
import type { Stack } from '@troupe/testing'
import type { Child } from '../processes/child.ts'

/** What is written of an order. */
export type OrderRecord = Pick<OutgoingRecord, 'key' | 'headers' | 'value'>

/** Partitions of every topic, as in the demo. */
export const partitions = 3

/**
 * A service that does the job: it hears that an order was received, charges it once, and says that it was
 * paid. That is a hop: an event consumed, a document changed, an event emitted and published.
 */
export interface Contender {
  readonly name: string
  readonly inTopic: string
  readonly outTopic: string
  /** Gets ready to write records, of an order and an event of these ids. */
  prepare(stack: Stack): Promise<(orderId: string, eventId: string) => OrderRecord>
  /** Starts an instance; its topics exist. */
  start(stack: Stack, options: StartOptions): Promise<Child>
}

export interface StartOptions {
  readonly databaseUrl: string
  /** A module that is loaded before its own. */
  readonly preload?: string
  /** Settings that are not the job's usual ones. */
  readonly environment?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}
