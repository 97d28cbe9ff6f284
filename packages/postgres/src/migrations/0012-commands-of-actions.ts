import type { Migration } from './migration.ts'

// Of which command an action is a portion. Older code keeps portions without it, which are told one by one.
export const commandsOfActions: Migration = {
  number: 12,
  name: 'commands-of-actions',
  sql: (schema) => `ALTER TABLE ${schema}.operator_action ADD COLUMN command text`,
}
