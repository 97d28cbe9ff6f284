import type { Migration } from './migration.ts'

// Finds what was written for a key before and is not published yet. Dead letters, whose keys may be bytes
// of any size, keep no order.
export const orderOfKeys: Migration = {
  number: 2,
  name: 'order-of-keys',
  sql: (schema) => `CREATE INDEX outbox_key ON ${schema}.outbox (key) WHERE key_is_text`,
}
