import type { DocumentWrite } from '@troupe/core'
import { jsonArray, textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'

/** Documents that were not stored: fails as a conflict if one of them is. */
export const insertDocuments: Statement<readonly DocumentWrite[], undefined> = {
  name: 'insert-documents',
  text: (schema) => `
    INSERT INTO ${schema}.document (kind, key, version, state)
    SELECT kind, key, 1, state::json
    FROM unnest($1::text[], $2::text[], $3::text[]) AS given(kind, key, state)`,
  parameters: (documents) => [
    textArray(
      documents.map(({ kind }) => kind),
      'document kind',
    ),
    textArray(
      documents.map(({ key }) => key),
      'document key',
    ),
    jsonArray(documents.map(({ state }) => state)),
  ],
  row: noRow,
}
