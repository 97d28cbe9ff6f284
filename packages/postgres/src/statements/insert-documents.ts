import type { DocumentRead, DocumentWrite } from '@troupe/core'
import { refusal } from '../database-error.ts'
import { jsonArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { documentNames } from './document-names.ts'

/**
 * Documents that were not stored: refuses the transaction if one of them is.
 *
 * One that was only read has no row to be locked, so it gets one of version 0, which stands for nothing:
 * whoever writes that document now waits for this transaction.
 */
export const insertDocuments: Statement<readonly (DocumentWrite | DocumentRead)[], undefined> = {
  name: 'insert-documents',
  text: (schema) => `
    WITH written AS (
      INSERT INTO ${schema}.document AS stored (kind, key, version, state)
      SELECT kind, key, CASE WHEN state IS NULL THEN 0 ELSE 1 END, coalesce(state, 'null')::json
      FROM unnest($1::text[], $2::text[], $3::text[]) AS given(kind, key, state)
      ON CONFLICT (kind, key) DO UPDATE
      SET version = excluded.version, state = excluded.state, updated_at = excluded.updated_at
      WHERE stored.version = 0
      RETURNING 1
    )
    SELECT ${schema}.refuse('${refusal.conflict}', 'a document is stored by now')
    WHERE (SELECT count(*) FROM written) <> cardinality($1::text[])`,
  parameters: (documents) => [
    ...documentNames(documents),
    jsonArray(documents.map((one) => ('state' in one ? one.state : undefined))),
  ],
  row: noRow,
}
