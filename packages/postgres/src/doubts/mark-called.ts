import type { CalledStep } from '@troupe/core'
import { textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { stepNames } from './step-names.ts'

/** Steps whose calls were begun, and whose events are set aside. */
export const markCalled: Statement<readonly CalledStep[], undefined> = {
  name: 'mark-called',
  text: (schema) => `
    INSERT INTO ${schema}.doubt AS known (saga, step, called_source, called_id)
    SELECT DISTINCT ON (saga, step) saga, step, source, id
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS given(saga, step, source, id)
    ORDER BY saga, step
    ON CONFLICT (saga, step) DO UPDATE SET called_source = EXCLUDED.called_source, called_id = EXCLUDED.called_id
    WHERE known.called_id IS NULL`,
  parameters: (steps) => [
    ...stepNames(steps),
    textArray(
      steps.map(({ event }) => event.source),
      'event source',
    ),
    textArray(
      steps.map(({ event }) => event.id),
      'event id',
    ),
  ],
  row: noRow,
}
