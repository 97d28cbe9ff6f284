import type { Migration } from './migration.ts'

// Few rows, and none is ever taken away: an event from before a registry was emptied names its id as
// ever. `kept` orders them: of two schemas that one id has had, the one kept last is today's.
export const schemas: Migration = {
  number: 3,
  name: 'schemas',
  sql: (schema) => `
CREATE TABLE ${schema}.registry_schema (
  id int NOT NULL,
  fingerprint text COLLATE "C" NOT NULL,
  schema json NOT NULL,
  kept bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (id, fingerprint)
);
`,
}
