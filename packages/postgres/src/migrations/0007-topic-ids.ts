import type { Migration } from './migration.ts'

// A topic that is deleted and made again counts its offsets from 0 again. Older code leaves the column as it is.
export const topicIds: Migration = {
  number: 7,
  name: 'topic-ids',
  sql: (schema) => `ALTER TABLE ${schema}.position ADD COLUMN topic_id text COLLATE "C"`,
}
