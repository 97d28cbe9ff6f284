import type { DocumentName } from '@troupe/core'
import { textArray } from '../wire/parameters.ts'

/** The kinds and the keys of documents, as the first two parameters of a statement about them. */
export function documentNames(documents: readonly DocumentName[]) {
  return [
    textArray(
      documents.map(({ kind }) => kind),
      'document kind',
    ),
    textArray(
      documents.map(({ key }) => key),
      'document key',
    ),
  ] as const
}
