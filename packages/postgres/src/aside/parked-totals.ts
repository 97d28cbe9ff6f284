import type { ParkedTotal, TopicPartition } from '@troupe/core'
import type { Statement } from '../wire/statement.ts'
import { inMs, isPaused } from './columns.ts'
import { partitionParameters } from './due-keys.ts'

/** How much is parked in these partitions. */
export const parkedTotals: Statement<readonly TopicPartition[], ParkedTotal> = {
  name: 'parked-totals',
  text: (schema) => `
    SELECT held.topic, held.partition, count(*), count(*) FILTER (WHERE ${isPaused('held')}),
      count(*) FILTER (WHERE held.state = 'held'),
      sum(held.events), sum(held.bytes), ${inMs('now()')} - ${inMs('min(held.since)')}
    FROM ${schema}.parked_key AS held
    JOIN unnest($1::text[], $2::bigint[]) AS own(topic, partition)
      ON held.topic = own.topic AND held.partition = own.partition::int
    GROUP BY held.topic, held.partition`,
  parameters: partitionParameters,
  row: ([topic, partition, keys, paused, held, events, bytes, oldestMs]) => ({
    topic: topic as string,
    partition: Number(partition),
    keys: Number(keys),
    paused: Number(paused),
    held: Number(held),
    events: Number(events),
    bytes: Number(bytes),
    oldestMs: Math.max(0, Number(oldestMs)),
  }),
}
