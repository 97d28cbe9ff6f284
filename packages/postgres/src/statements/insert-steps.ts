import type { StepWrite } from '@troupe/core'
import { bytesArray, jsonArray, textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'

/** Steps that were open: fails as a conflict if one of them is stored. */
export const insertSteps: Statement<readonly StepWrite[], undefined> = {
  name: 'insert-steps',
  text: (schema) => `
    INSERT INTO ${schema}.step (saga, step, state, done, touched)
    SELECT saga, step, state, done, touched::json
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[])
      AS given(saga, step, state, done, touched)`,
  parameters: stepParameters,
  row: noRow,
}

/** The columns of a step that both statements write. */
export function stepParameters(steps: readonly StepWrite[]) {
  return [
    textArray(
      steps.map(({ saga }) => saga),
      'saga',
    ),
    textArray(
      steps.map(({ step }) => step),
      'step',
    ),
    textArray(
      steps.map(({ state }) => state),
      'state',
    ),
    bytesArray(steps.map(({ done }) => done)),
    jsonArray(steps.map(({ touched }) => touched.map(({ kind, key }) => [kind, key]))),
  ]
}
