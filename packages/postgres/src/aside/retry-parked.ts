import type { KeyPlace, OperatorAction } from '@troupe/core'
import type { Statement } from '../wire/statement.ts'
import { dueAtOnce, placesOf, unindexed } from './columns.ts'
import { actionParameters, noting } from './note-action.ts'

/** Makes keys due. Those that wait keep their attempts; those that are held begin anew. */
export const retryParked: Statement<
  { readonly keys: readonly KeyPlace[]; readonly action: OperatorAction },
  number
> = {
  name: 'retry-parked',
  text: (schema) => `
    WITH asked AS (
      SELECT * FROM unnest($4::text[], $5::bigint[], $6::text[]) AS asked(topic, partition, key)
    ), hastened AS (
      UPDATE ${schema}.parked_key AS held SET version = version + 1, next_at = now()
      FROM asked
      WHERE held.topic = asked.topic AND held.partition = asked.partition AND held.key = asked.key
        AND ${unindexed('held.state', 'waiting')}
      RETURNING format('%s/%s/%s', held.topic, held.partition, held.key) AS name
    ), released AS (
      UPDATE ${schema}.parked_key AS held SET version = version + 1, ${dueAtOnce}
      FROM asked
      WHERE held.topic = asked.topic AND held.partition = asked.partition AND held.key = asked.key
        AND held.state = 'held'
      RETURNING format('%s/%s/%s', held.topic, held.partition, held.key) AS name
    ), done AS (
      SELECT name FROM hastened UNION ALL SELECT name FROM released
    ), noted AS (${noting(schema, 'retry parked', 'done', '(SELECT count(*) FROM done)')}
    )
    SELECT count(*) FROM done`,
  parameters: ({ keys, action }) => [...actionParameters(action), ...placesOf(keys)],
  row: ([count]) => Number(count),
}
