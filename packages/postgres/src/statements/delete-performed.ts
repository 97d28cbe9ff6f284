import { textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'

/** Results that are made use of; those that are gone already are passed over. */
export const deletePerformed: Statement<readonly string[], undefined> = {
  name: 'delete-performed',
  text: (schema) => `DELETE FROM ${schema}.performed WHERE idempotency_key = ANY ($1::text[])`,
  parameters: (keys) => [textArray(keys, 'idempotency key')],
  row: noRow,
}
