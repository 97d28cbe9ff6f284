import type { Log } from '@troupe/core'
import { createReceiver, type KafkaConnection } from '@troupe/kafka'
import { randomUUID } from 'node:crypto'
import type { Recorder } from './recorder.ts'

/** Reads every topic from its beginning into a recorder. */
export interface Tape {
  start(): Promise<void>
  stop(): Promise<void>
}

export function createTape(
  connection: KafkaConnection,
  topics: readonly string[],
  recorder: Recorder,
  log: Log,
): Tape {
  return createReceiver({
    connection,
    groupId: `troupe-harness-${randomUUID()}`,
    topics,
    log,
    // No ledger: the tape begins anew with every harness.
    assign: async () => ({
      next: undefined,
      take: ({ records }) => recorder.record(records),
      release: async () => {},
    }),
  })
}
