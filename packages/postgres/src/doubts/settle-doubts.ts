import type { StepName } from '@troupe/core'
import { noRow, type Statement } from '../wire/statement.ts'
import { stepNames } from './step-names.ts'

/** Steps of which nothing is in doubt any longer. */
export const settleDoubts: Statement<readonly StepName[], undefined> = {
  name: 'settle-doubts',
  text: (schema) => `
    DELETE FROM ${schema}.doubt AS kept USING unnest($1::text[], $2::text[]) AS asked(saga, step)
    WHERE kept.saga = asked.saga AND kept.step = asked.step`,
  parameters: stepNames,
  row: noRow,
}
