import type { Migration } from './migration.ts'

// A page of the audit is to cost what is on the page, however much people have done.
export const pagesOfActions: Migration = {
  number: 13,
  name: 'pages-of-actions',
  sql: (schema) => `
CREATE INDEX operator_action_command ON ${schema}.operator_action (command, seq) WHERE command IS NOT NULL;
CREATE INDEX operator_action_by ON ${schema}.operator_action (by, seq);
CREATE INDEX operator_action_did ON ${schema}.operator_action (did, seq);
CREATE INDEX operator_action_at ON ${schema}.operator_action (at);
`,
}
