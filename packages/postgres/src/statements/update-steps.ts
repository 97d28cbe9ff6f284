import type { StepWrite } from '@troupe/core'
import { refusal } from '../database-error.ts'
import { textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { stepParameters } from './insert-steps.ts'

/** Steps that were stored: refuses the transaction unless each still is in its expected state. Locks in the order of the keys. */
export const updateSteps: Statement<readonly StepWrite[], undefined> = {
  name: 'update-steps',
  text: (schema) => `
    WITH given AS (
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[])
        AS given(saga, step, state, done, touched, expected)
    ), held AS MATERIALIZED (
      SELECT stored.ctid, given.state, given.done, given.touched
      FROM given JOIN ${schema}.step AS stored USING (saga, step)
      WHERE stored.state = given.expected
      ORDER BY stored.saga, stored.step FOR NO KEY UPDATE OF stored
    ), written AS (
      UPDATE ${schema}.step AS stored
      SET state = held.state, done = held.done, touched = held.touched::json
      FROM held WHERE stored.ctid = held.ctid
      RETURNING 1
    )
    SELECT ${schema}.refuse('${refusal.conflict}', 'a step is not in its expected state')
    WHERE (SELECT count(*) FROM written) <> cardinality($1::text[])`,
  parameters: (steps) => [
    ...stepParameters(steps),
    textArray(
      steps.map(({ expectedState }) => expectedState ?? null),
      'state',
    ),
  ],
  row: noRow,
}
