import type { Migration } from './migration.ts'

// Since when a dead letter is redriven or discarded: nothing of how old it is by then. Older code leaves it out;
// whoever forgets what is old fills it in, and counts from there.
export const closedAt: Migration = {
  number: 8,
  name: 'closed-at',
  sql: (schema) => `ALTER TABLE ${schema}.dead_letter ADD COLUMN closed_at timestamptz`,
}
