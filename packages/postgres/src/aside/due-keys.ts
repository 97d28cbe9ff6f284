import type { DueKey, TopicPartition } from '@troupe/core'
import { bigintArray, textArray } from '../wire/parameters.ts'
import type { Fields, Statement } from '../wire/statement.ts'
import { pausedFor } from './columns.ts'

interface Asked {
  readonly partitions: readonly TopicPartition[]
  readonly perPartitionMax: number
}

/** Parked keys whose time has come, by the database's clock. */
export const dueKeys: Statement<Asked, DueKey> = {
  name: 'due-keys',
  text: (schema) => `
    SELECT due.topic, due.partition, due.key, due.paused_for
    FROM unnest($1::text[], $2::bigint[]) AS own(topic, partition)
    CROSS JOIN LATERAL (
      SELECT held.topic, held.partition, held.key, ${pausedFor('held')} AS paused_for
      FROM ${schema}.parked_key AS held
      WHERE held.topic = own.topic AND held.partition = own.partition::int
        AND held.state = 'waiting' AND held.next_at <= now()
      ORDER BY held.next_at LIMIT $3::int
    ) AS due`,
  parameters: ({ partitions, perPartitionMax }) => [
    ...partitionParameters(partitions),
    String(perPartitionMax),
  ],
  row: dueKey,
}

/** The same without keys that wait for other calls than these, of which there may be a hundred thousand. */
export const dueKeysCalling: Statement<Asked & { readonly calling: readonly string[] }, DueKey> = {
  name: 'due-keys-calling',
  text: (schema) => `
    SELECT due.topic, due.partition, due.key, due.paused_for
    FROM unnest($1::text[], $2::bigint[]) AS own(topic, partition)
    CROSS JOIN LATERAL (
      SELECT one.* FROM unnest($4::text[]) AS wanted(paused_for)
      CROSS JOIN LATERAL (
        SELECT held.topic, held.partition, held.key, held.next_at, wanted.paused_for
        FROM ${schema}.parked_key AS held
        WHERE held.topic = own.topic AND held.partition = own.partition::int
          AND ${pausedFor('held')} = wanted.paused_for
          AND held.state = 'waiting' AND held.next_at <= now()
        ORDER BY held.next_at LIMIT $3::int
      ) AS one
      ORDER BY one.next_at LIMIT $3::int
    ) AS due`,
  parameters: ({ partitions, perPartitionMax, calling }) => [
    ...partitionParameters(partitions),
    String(perPartitionMax),
    textArray(['', ...calling], 'reaction'),
  ],
  row: dueKey,
}

/** How long until the time of the next one comes, of all of these partitions. */
export const nextDueKey: Statement<readonly TopicPartition[], number | undefined> = {
  name: 'next-due-key',
  text: (schema) => `
    SELECT extract(epoch FROM min(next.next_at) - now()) * 1000
    FROM unnest($1::text[], $2::bigint[]) AS own(topic, partition)
    CROSS JOIN LATERAL (
      SELECT held.next_at FROM ${schema}.parked_key AS held
      WHERE held.topic = own.topic AND held.partition = own.partition::int
        AND held.state = 'waiting' AND held.next_at > now()
      ORDER BY held.next_at LIMIT 1
    ) AS next`,
  parameters: partitionParameters,
  row: ([ms]) => (ms === null || ms === undefined ? undefined : Number(ms)),
}

function dueKey([topic, partition, key, reaction]: Fields): DueKey {
  return {
    topic: topic as string,
    partition: Number(partition),
    key: key as string,
    pausedFor: reaction || undefined,
  }
}

/** Two parameters. */
export function partitionParameters(partitions: readonly TopicPartition[]) {
  return [
    textArray(
      partitions.map(({ topic }) => topic),
      'topic',
    ),
    bigintArray(partitions.map(({ partition }) => partition)),
  ] as const
}
