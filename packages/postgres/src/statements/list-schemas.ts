import type { StoredSchema } from '@troupe/core'
import type { Statement } from '../wire/statement.ts'

/** Every schema there is, the one kept last at the end. */
export const listSchemas: Statement<undefined, StoredSchema> = {
  name: 'list-schemas',
  text: (schema) => `SELECT id, fingerprint, schema FROM ${schema}.registry_schema ORDER BY kept`,
  parameters: () => [],
  row: ([id, fingerprint, text]) => ({
    id: Number(id),
    fingerprint: fingerprint as string,
    schema: text as string,
  }),
}
