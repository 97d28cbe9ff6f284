import type { KeyPlace, TopicPartition } from '@troupe/core'
import { bigintArray, textArray } from '../wire/parameters.ts'
import type { Fields, Statement } from '../wire/statement.ts'

/** Parked keys whose time has come, by the database's clock. */
export const dueKeys: Statement<
  { readonly partitions: readonly TopicPartition[]; readonly perPartitionMax: number },
  KeyPlace
> = {
  name: 'due-keys',
  text: (schema) => `
    SELECT due.topic, due.partition, due.key
    FROM unnest($1::text[], $2::bigint[]) AS own(topic, partition)
    CROSS JOIN LATERAL (
      SELECT held.topic, held.partition, held.key FROM ${schema}.parked_key AS held
      WHERE held.topic = own.topic AND held.partition = own.partition::int
        AND held.state = 'waiting' AND held.next_at <= now()
      ORDER BY held.next_at LIMIT $3::int
    ) AS due`,
  parameters: ({ partitions, perPartitionMax }) => [
    ...partitionParameters(partitions),
    String(perPartitionMax),
  ],
  row: ([topic, partition, key]: Fields) => ({
    topic: topic as string,
    partition: Number(partition),
    key: key as string,
  }),
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
