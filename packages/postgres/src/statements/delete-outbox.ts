import { textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'

/** Records that are published; those that are gone already are passed over. */
export const deleteOutbox: Statement<readonly string[], undefined> = {
  name: 'delete-outbox',
  text: (schema) => `DELETE FROM ${schema}.outbox WHERE id = ANY ($1::text[])`,
  parameters: (ids) => [textArray(ids, 'record id')],
  row: noRow,
}
