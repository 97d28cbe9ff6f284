import { laneOf, type Log } from '@troupe/core'
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
  // In place of a ledger: a partition that is lost and assigned again goes on where it was.
  const positions = new Map<string, bigint>()
  return createReceiver({
    connection,
    groupId: `troupe-harness-${randomUUID()}`,
    topics,
    log,
    assign: async (place) => ({
      next: positions.get(laneOf(place)),
      async take({ records, to }) {
        await recorder.record(records)
        positions.set(laneOf(place), to)
      },
      release: async () => {},
    }),
  })
}
