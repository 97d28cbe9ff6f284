import type { Migration } from './migration.ts'

// How often a topic was deleted and made again that this partition is of. What is set aside of its later lives is
// kept under places beyond all offsets of the earlier ones, in the columns that are there: older code keeps them
// apart and in order, and only calls them by long numbers.
export const lives: Migration = {
  number: 11,
  name: 'lives',
  sql: (schema) => `ALTER TABLE ${schema}.position ADD COLUMN life int NOT NULL DEFAULT 0`,
}
