import type { StoredResult } from '@troupe/core'
import { textArray } from '../wire/parameters.ts'
import type { Statement } from '../wire/statement.ts'

/** What came of calls to the outside, as far as it is kept. */
export const listPerformed: Statement<readonly string[], StoredResult> = {
  name: 'list-performed',
  text: (schema) =>
    `SELECT idempotency_key, result::text FROM ${schema}.performed WHERE idempotency_key = ANY ($1::text[])`,
  parameters: (keys) => [textArray(keys, 'idempotency key')],
  row: ([idempotencyKey, result]) => ({
    idempotencyKey: idempotencyKey as string,
    result: result === null || result === undefined ? undefined : JSON.parse(result),
  }),
}
