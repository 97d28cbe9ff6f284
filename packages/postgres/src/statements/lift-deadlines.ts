import type { DeadlineName } from '@troupe/core'
import { noRow, type Statement } from '../wire/statement.ts'
import { deadlineNames } from './set-deadlines.ts'

/** Deadlines that are over before their time; those that are not there are passed over. Locks in the order of the names. */
export const liftDeadlines: Statement<readonly DeadlineName[], undefined> = {
  name: 'lift-deadlines',
  text: (schema) => `
    WITH held AS MATERIALIZED (
      SELECT stored.ctid
      FROM (
        SELECT * FROM unnest($1::text[], $2::text[]) AS given(saga, name)
        ORDER BY saga COLLATE "C", name COLLATE "C"
      ) AS given
      CROSS JOIN LATERAL (
        SELECT ctid FROM ${schema}.deadline AS stored
        WHERE stored.saga = given.saga AND stored.name = given.name FOR UPDATE
      ) AS stored
    )
    DELETE FROM ${schema}.deadline WHERE ctid = ANY (ARRAY(SELECT ctid FROM held))`,
  parameters: deadlineNames,
  row: noRow,
}
