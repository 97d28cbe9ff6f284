import type { DocumentWrite } from '@troupe/core'
import { refusal } from '../database-error.ts'
import { bigintArray, jsonArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { documentNames } from './document-names.ts'

/** Documents that were stored: refuses the transaction unless each still has its expected version. Locks in the order of the keys. */
export const updateDocuments: Statement<readonly DocumentWrite[], undefined> = {
  name: 'update-documents',
  text: (schema) => `
    WITH given AS (
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
        AS given(kind, key, state, expected)
    ), held AS MATERIALIZED (
      SELECT stored.ctid, given.state
      FROM given JOIN ${schema}.document AS stored USING (kind, key)
      WHERE stored.version = given.expected
      ORDER BY stored.kind, stored.key FOR NO KEY UPDATE OF stored
    ), written AS (
      UPDATE ${schema}.document AS stored
      SET version = stored.version + 1, state = held.state::json, updated_at = now()
      FROM held WHERE stored.ctid = held.ctid
      RETURNING 1
    )
    SELECT ${schema}.refuse('${refusal.conflict}', 'a document does not have its expected version')
    WHERE (SELECT count(*) FROM written) <> cardinality($1::text[])`,
  parameters: (documents) => [
    ...documentNames(documents),
    jsonArray(documents.map(({ state }) => state)),
    bigintArray(documents.map(({ expectedVersion }) => expectedVersion)),
  ],
  row: noRow,
}
