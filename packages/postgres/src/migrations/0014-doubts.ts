import type { Migration } from './migration.ts'

// What is in doubt about steps that call the outside: that a call was begun, and the event that barred the step. Few
// rows, in the good case none. Older code bars steps without a row here: of those nothing is undone later.
export const doubts: Migration = {
  number: 14,
  name: 'doubts',
  sql: (schema) => `
CREATE TABLE ${schema}.doubt (
  saga text COLLATE "C" NOT NULL,
  step text COLLATE "C" NOT NULL,
  called_source text,
  called_id text,
  topic text COLLATE "C",
  partition int,
  key text COLLATE "C",
  record_offset bigint,
  record_key bytea,
  headers json,
  value bytea,
  timestamp_ms bigint,
  source text,
  id text,
  type text,
  bytes bigint,
  PRIMARY KEY (saga, step)
) WITH (fillfactor = 80)`,
}
