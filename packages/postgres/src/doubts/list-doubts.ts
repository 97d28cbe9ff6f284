import type { StepName, StoredDoubt } from '@troupe/core'
import type { Statement } from '../wire/statement.ts'
import { stepNames } from './step-names.ts'

/** What is in doubt about steps. Runs after the recall: what it finds is not older. */
export const listDoubts: Statement<readonly StepName[], StoredDoubt> = {
  name: 'list-doubts',
  text: (schema) => `
    SELECT DISTINCT doubt.saga, doubt.step, doubt.called_source, doubt.called_id, doubt.topic IS NOT NULL
    FROM unnest($1::text[], $2::text[]) AS asked(saga, step) JOIN ${schema}.doubt USING (saga, step)`,
  parameters: stepNames,
  row: ([saga, step, source, id, isUndoKept]) => ({
    saga: saga as string,
    step: step as string,
    called: source === null || source === undefined ? undefined : { source, id: id as string },
    isUndoKept: isUndoKept === 't',
  }),
}
