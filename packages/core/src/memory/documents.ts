// Reading documents, one by one and by kind.

import { documentName } from '../declare/document.ts'
import { TroupeError } from '../errors.ts'
import type { DocumentName, DocumentPage, StoredDocument } from '../ports.ts'

const pageMax = 1_000

type Documents = ReadonlyMap<string, StoredDocument>

export function readDocument(documents: Documents, name: DocumentName): StoredDocument | undefined {
  refuseUnfit(name)
  const row = documents.get(documentName(name))
  return row && { ...row }
}

export function readKind(
  documents: Documents,
  kind: string,
  { after = '', limit }: DocumentPage,
): readonly StoredDocument[] {
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= pageMax)) {
    throw new TroupeError(
      'TROUPE_DOCUMENT_INVALID',
      `A page holds 1 to ${pageMax} documents, not ${limit}. Ask for fewer at a time.`,
    )
  }
  return [...documents.values()]
    .filter((one) => one.kind === kind && byBytes(one.key, after) > 0)
    .sort((left, right) => byBytes(left.key, right.key))
    .slice(0, limit)
    .map((row) => ({ ...row }))
}

/** @throws Error for a key that no text in UTF-8 can hold */
export function refuseUnfit({ key }: DocumentName): void {
  if (/[\0\p{Cs}]/u.test(key)) throw new Error(`The document key ${JSON.stringify(key)} cannot be stored.`)
}

/** The order of two texts' bytes in UTF-8, which is that of their characters' numbers. */
function byBytes(left: string, right: string): number {
  const [one, other] = [Array.from(left), Array.from(right)]
  const place = one.findIndex((character, index) => character !== other[index])
  if (place < 0) return one.length - other.length
  return (one[place]?.codePointAt(0) ?? 0) - (other[place]?.codePointAt(0) ?? -1)
}
