import type { DocumentRead, DocumentWrite } from '@troupe/core'
import { refusal } from '../database-error.ts'
import { bigintArray, textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { documentNames } from './document-names.ts'

/**
 * Stored documents of a settlement that only read some of them: refuses the transaction unless each still
 * has its expected version, and keeps it that way until the commit.
 *
 * What is read may be read by others at the same time, what is written may not. Both are locked one by
 * one in the order of the keys, which is also that of `update-documents`: by kind of lock, two
 * transactions that each write what the other has read would wait for each other.
 */
export const holdDocuments: Statement<readonly (DocumentWrite | DocumentRead)[], undefined> = {
  name: 'hold-documents',
  text: (schema) => `
    SELECT ${schema}.refuse('${refusal.conflict}', 'a document that was read does not have its expected version')
    WHERE (
      SELECT count(*) FROM (
        SELECT coalesce(shared.version, own.version) AS version, given.expected
        FROM (
          SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
            AS given(kind, key, expected, use)
          ORDER BY kind COLLATE "C", key COLLATE "C"
        ) AS given
        LEFT JOIN LATERAL (
          SELECT version FROM ${schema}.document AS stored
          WHERE given.use = 'read' AND stored.kind = given.kind AND stored.key = given.key FOR SHARE
        ) AS shared ON true
        LEFT JOIN LATERAL (
          SELECT version FROM ${schema}.document AS stored
          WHERE given.use = 'write' AND stored.kind = given.kind AND stored.key = given.key FOR NO KEY UPDATE
        ) AS own ON true
      ) AS held
      WHERE held.version = held.expected
    ) <> cardinality($1::text[])`,
  parameters: (documents) => [
    ...documentNames(documents),
    bigintArray(documents.map(({ expectedVersion }) => expectedVersion)),
    textArray(
      documents.map((one) => ('state' in one ? 'write' : 'read')),
      'use',
    ),
  ],
  row: noRow,
}
