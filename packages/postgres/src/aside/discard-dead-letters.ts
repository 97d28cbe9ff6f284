import type { OperatorAction } from '@troupe/core'
import { textArray } from '../wire/parameters.ts'
import type { Statement } from '../wire/statement.ts'
import { dueAtOnce, unindexed } from './columns.ts'
import { actionParameters, noting } from './note-action.ts'

/** Gives up dead letters that are open; keys that are held for one of them are due. */
export const discardDeadLetters: Statement<
  { readonly ids: readonly string[]; readonly action: OperatorAction },
  string
> = {
  name: 'discard-dead-letters',
  text: (schema) => `
    WITH gone AS (
      UPDATE ${schema}.dead_letter AS letter SET state = 'discarded', closed_at = now()
      WHERE letter.letter = ANY ($4::text[]) AND ${unindexed('letter.state', 'open')}
      RETURNING letter.letter AS name
    ), released AS (
      UPDATE ${schema}.parked_key AS held SET version = held.version + 1, ${dueAtOnce}
      WHERE held.dead_letter = ANY (ARRAY (SELECT name FROM gone)) AND held.state = 'held'
    ), noted AS (${noting(schema, 'discard dead letters', 'gone', '(SELECT count(*) FROM gone)')}
    )
    SELECT name FROM gone`,
  parameters: ({ ids, action }) => [...actionParameters(action), textArray(ids, 'dead letter')],
  row: ([id]) => id as string,
}
