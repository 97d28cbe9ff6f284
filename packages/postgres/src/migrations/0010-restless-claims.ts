import type { Migration } from './migration.ts'

// Tells owners that die over a partition from those that let go of it. Older code leaves the columns as they are,
// which is as if nobody had died.
export const restlessClaims: Migration = {
  number: 10,
  name: 'restless-claims',
  sql: (schema) => `
ALTER TABLE ${schema}.position
  ADD COLUMN claimed_at timestamptz,
  ADD COLUMN claimed_offset bigint,
  ADD COLUMN claims int NOT NULL DEFAULT 0,
  ADD COLUMN claims_here int NOT NULL DEFAULT 0,
  ADD COLUMN suspect bigint,
  ADD COLUMN suspect_epoch bigint,
  ADD COLUMN suspected int NOT NULL DEFAULT 0;
`,
}
