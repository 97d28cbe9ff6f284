import type { DocumentName, StoredDocument } from '@troupe/core'
import { text } from '../wire/parameters.ts'
import type { Fields, Statement } from '../wire/statement.ts'

export const readDocument: Statement<DocumentName, StoredDocument> = {
  name: 'read-document',
  text: (schema) => `
    SELECT kind, key, version, state FROM ${schema}.document WHERE kind = $1::text AND key = $2::text AND version > 0`,
  parameters: ({ kind, key }) => [text(kind, 'document kind'), text(key, 'document key')],
  row: documentRow,
}

export function documentRow([kind, key, version, state]: Fields): StoredDocument {
  return {
    kind: kind as string,
    key: key as string,
    version: Number(version),
    state: JSON.parse(state as string),
  }
}
