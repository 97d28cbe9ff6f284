import type { StoredSchema } from '@troupe/core'
import { bigintArray, textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'

/** One that is there already is kept anew, under a higher number. No two of one call may be the same. */
export const keepSchemas: Statement<readonly StoredSchema[], undefined> = {
  name: 'keep-schemas',
  text: (schema) => `
    INSERT INTO ${schema}.registry_schema (id, fingerprint, schema)
    SELECT id, fingerprint, text::json FROM unnest($1::bigint[], $2::text[], $3::text[])
      WITH ORDINALITY AS kept (id, fingerprint, text, place) ORDER BY place
    ON CONFLICT (id, fingerprint) DO UPDATE SET kept = DEFAULT, at = now()`,
  parameters: (schemas) => [
    bigintArray(schemas.map(({ id }) => id)),
    textArray(
      schemas.map(({ fingerprint }) => fingerprint),
      'fingerprint',
    ),
    textArray(
      schemas.map(({ schema }) => schema),
      'schema',
    ),
  ],
  row: noRow,
}
