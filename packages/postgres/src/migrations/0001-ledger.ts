import type { Migration } from './migration.ts'

// Names are compared by their bytes (COLLATE "C"): the order of keys is the same on every machine, and
// no upgrade of a locale library can break an index. States and headers are `json`, not `jsonb`: it
// keeps every string that JSON can hold, NUL and lone surrogates included, so that no input can make a
// batch fail. Rows that are rewritten often leave room in their page, so that no index is touched.
export const ledger: Migration = {
  number: 1,
  name: 'ledger',
  sql: (schema) => `
CREATE TABLE ${schema}.position (
  topic text COLLATE "C" NOT NULL,
  partition int NOT NULL,
  next_offset bigint,
  epoch bigint NOT NULL,
  PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE ${schema}.inbox (
  source text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  type text NOT NULL,
  saga text NOT NULL,
  outcome text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source, id)
);

CREATE TABLE ${schema}.outbox (
  id text COLLATE "C" PRIMARY KEY,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  lane text COLLATE "C" NOT NULL,
  topic text NOT NULL,
  key bytea,
  key_is_text boolean NOT NULL,
  headers json NOT NULL,
  value bytea,
  at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE INDEX outbox_lane ON ${schema}.outbox (lane, seq);

CREATE TABLE ${schema}.step (
  saga text COLLATE "C" NOT NULL,
  step text COLLATE "C" NOT NULL,
  state text NOT NULL,
  done bytea,
  touched json NOT NULL,
  PRIMARY KEY (saga, step)
) WITH (fillfactor = 80);

CREATE TABLE ${schema}.document (
  kind text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  state json NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, key)
) WITH (fillfactor = 80);

CREATE TABLE ${schema}.answer (
  command text COLLATE "C" NOT NULL,
  idempotency_key text COLLATE "C" NOT NULL,
  input_hash text NOT NULL,
  answer json,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (command, idempotency_key)
);

CREATE FUNCTION ${schema}.refuse(code text, reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = code, MESSAGE = reason;
END
$$;
`,
}
