import type { Migration } from './migration.ts'

// Most deadlines are lifted long before they are due, so rows come and go as fast as those of the outbox,
// and what they leave behind is cleared away as soon.
export const deadlines: Migration = {
  number: 6,
  name: 'deadlines',
  sql: (schema) => `
CREATE TABLE ${schema}.deadline (
  saga text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  due_at timestamptz NOT NULL,
  id text COLLATE "C" NOT NULL,
  lane text COLLATE "C" NOT NULL,
  topic text NOT NULL,
  key bytea,
  key_is_text boolean NOT NULL,
  headers json NOT NULL,
  value bytea,
  PRIMARY KEY (saga, name)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE INDEX deadline_due ON ${schema}.deadline (due_at);
`,
}
