import { createHash } from 'node:crypto'

/** One step of the ledger's form. Once released it is never edited: the next one changes what it made. */
export interface Migration {
  /** 1, 2, 3, …, without a gap. */
  readonly number: number
  readonly name: string
  readonly sql: (schema: string) => string
}

/** Of the text, whatever the schema is called. */
export function checksumOf({ sql }: Migration): string {
  return createHash('sha256').update(sql('schema')).digest('hex')
}
