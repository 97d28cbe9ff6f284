import type { ParkedSum, ParkedTotal, TopicPartition } from '@troupe/core'
import type { Fields, Statement } from '../wire/statement.ts'
import { inMs, isPaused } from './columns.ts'
import { partitionParameters } from './due-keys.ts'

const summed = `count(*), count(*) FILTER (WHERE ${isPaused('held')}), count(*) FILTER (WHERE held.state = 'held'),
      coalesce(sum(held.events), 0), coalesce(sum(held.bytes), 0), coalesce(${inMs('now()')} - ${inMs('min(held.since)')}, 0)`

/** How much is parked in these partitions. */
export const parkedTotals: Statement<readonly TopicPartition[], ParkedTotal> = {
  name: 'parked-totals',
  text: (schema) => `
    SELECT held.topic, held.partition, ${summed}
    FROM ${schema}.parked_key AS held
    JOIN unnest($1::text[], $2::bigint[]) AS own(topic, partition)
      ON held.topic = own.topic AND held.partition = own.partition::int
    GROUP BY held.topic, held.partition`,
  parameters: partitionParameters,
  row: ([topic, partition, ...sum]) => ({
    topic: topic as string,
    partition: Number(partition),
    ...sumFrom(sum),
  }),
}

/** How much is parked in all of them: one row. */
export const parkedSum: Statement<undefined, ParkedSum> = {
  name: 'parked-sum',
  text: (schema) => `SELECT ${summed} FROM ${schema}.parked_key AS held`,
  parameters: () => [],
  row: sumFrom,
}

function sumFrom([keys, paused, held, events, bytes, oldestMs]: Fields): ParkedSum {
  return {
    keys: Number(keys),
    paused: Number(paused),
    held: Number(held),
    events: Number(events),
    bytes: Number(bytes),
    oldestMs: Math.max(0, Number(oldestMs)),
  }
}
