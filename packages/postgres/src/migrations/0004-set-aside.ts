import type { Migration } from './migration.ts'

// What is set aside: keys that are parked with their events, and an index of the dead letters with all that
// it takes to try them again without reading Kafka. Few rows, in the good case none.
export const setAside: Migration = {
  number: 4,
  name: 'set-aside',
  sql: (schema) => `
CREATE TABLE ${schema}.parked_key (
  topic text COLLATE "C" NOT NULL,
  partition int NOT NULL,
  key text COLLATE "C" NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  state text NOT NULL,
  version bigint NOT NULL,
  events bigint NOT NULL,
  bytes bigint NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  next_at timestamptz,
  attempts int NOT NULL,
  reaction text,
  code text,
  message text,
  stack text,
  failure_group text,
  first_failed_at timestamptz,
  last_failed_at timestamptz,
  dead_letter text,
  PRIMARY KEY (topic, partition, key)
) WITH (fillfactor = 70);
CREATE INDEX parked_key_due ON ${schema}.parked_key (topic, partition, next_at) WHERE state = 'waiting';
CREATE INDEX parked_key_held ON ${schema}.parked_key (dead_letter) WHERE dead_letter IS NOT NULL;

CREATE TABLE ${schema}.parked_event (
  topic text COLLATE "C" NOT NULL,
  partition int NOT NULL,
  record_offset bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  record_key bytea,
  headers json NOT NULL,
  value bytea,
  timestamp_ms bigint NOT NULL,
  source text,
  id text,
  type text,
  saga text,
  redrives int NOT NULL DEFAULT 0,
  bytes bigint NOT NULL,
  PRIMARY KEY (topic, partition, record_offset)
);
CREATE INDEX parked_event_key ON ${schema}.parked_event (topic, partition, key, record_offset);

CREATE TABLE ${schema}.dead_letter (
  letter text COLLATE "C" PRIMARY KEY,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  topic text COLLATE "C" NOT NULL,
  partition int NOT NULL,
  record_offset bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  record_key bytea,
  headers json NOT NULL,
  value bytea,
  timestamp_ms bigint NOT NULL,
  source text,
  id text,
  type text,
  saga text,
  bytes bigint NOT NULL,
  reaction text,
  code text NOT NULL,
  message text NOT NULL,
  stack text,
  failure_group text NOT NULL,
  attempts int NOT NULL,
  redrives int NOT NULL DEFAULT 0,
  first_failed_at timestamptz NOT NULL,
  last_failed_at timestamptz NOT NULL DEFAULT now(),
  state text NOT NULL DEFAULT 'open'
);
CREATE INDEX dead_letter_open ON ${schema}.dead_letter (seq) WHERE state = 'open';
CREATE INDEX dead_letter_group ON ${schema}.dead_letter (failure_group, seq);

CREATE TABLE ${schema}.operator_action (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  by text NOT NULL,
  reason text NOT NULL,
  did text NOT NULL,
  count bigint NOT NULL,
  names json NOT NULL
);
`,
}
