import type { StoredResult } from '@troupe/core'
import { jsonArray, textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'

/** What is kept already stays: the other side answers one key in one way. */
export const keepPerformed: Statement<readonly StoredResult[], undefined> = {
  name: 'keep-performed',
  text: (schema) => `
    INSERT INTO ${schema}.performed (idempotency_key, result)
    SELECT idempotency_key, result::json FROM unnest($1::text[], $2::text[]) AS given(idempotency_key, result)
    ON CONFLICT (idempotency_key) DO NOTHING`,
  parameters: (results) => [
    textArray(
      results.map(({ idempotencyKey }) => idempotencyKey),
      'idempotency key',
    ),
    jsonArray(results.map(({ result }) => result)),
  ],
  row: noRow,
}
