import type { DocumentPage, StoredDocument } from '@troupe/core'
import { text } from '../wire/parameters.ts'
import type { Statement } from '../wire/statement.ts'
import { documentRow } from './read-document.ts'

/** A page of one kind, in the order of the keys' bytes; every key comes after the empty one. */
export const listDocuments: Statement<DocumentPage & { readonly kind: string }, StoredDocument> = {
  name: 'list-documents',
  text: (schema) => `
    SELECT kind, key, version, state FROM ${schema}.document
    WHERE kind = $1::text AND key > $2::text AND version > 0 ORDER BY key LIMIT $3::int`,
  parameters: ({ kind, after, limit }) => [
    text(kind, 'document kind'),
    text(after ?? '', 'document key'),
    String(limit),
  ],
  row: documentRow,
}
