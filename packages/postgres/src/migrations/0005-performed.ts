import type { Migration } from './migration.ts'

// Rows live for as long as a batch of calls takes, and few come to be at all: most results are settled
// before they would be kept.
export const performed: Migration = {
  number: 5,
  name: 'performed',
  sql: (schema) => `
CREATE TABLE ${schema}.performed (
  idempotency_key text COLLATE "C" PRIMARY KEY,
  result json,
  at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
`,
}
