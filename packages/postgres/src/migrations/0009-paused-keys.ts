import type { Migration } from './migration.ts'

// Keys that wait for calls which are not made now may be many, and are due all the while: whoever looks for
// other keys passes them by. Older code takes them for keys that are due.
export const pausedKeys: Migration = {
  number: 9,
  name: 'paused-keys',
  sql: (schema) => `
CREATE INDEX parked_key_paused ON ${schema}.parked_key
  (topic, partition, (CASE WHEN code = 'TROUPE_CALLS_PAUSED' THEN reaction ELSE '' END), next_at)
  WHERE state = 'waiting';
`,
}
