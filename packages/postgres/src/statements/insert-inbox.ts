import type { InboxEntry } from '@troupe/core'
import { textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { inboxName } from './inbox-name.ts'

/** Fails as a conflict if one of the events is in the inbox. */
export const insertInbox: Statement<readonly InboxEntry[], undefined> = {
  name: 'insert-inbox',
  text: (schema) => `
    INSERT INTO ${schema}.inbox (source, id, type, saga, outcome)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])`,
  parameters: (entries) => [
    textArray(
      entries.map(({ source }) => inboxName(source)),
      'event source',
    ),
    textArray(
      entries.map(({ id }) => inboxName(id)),
      'event id',
    ),
    textArray(
      entries.map(({ type }) => type),
      'event type',
    ),
    textArray(
      entries.map(({ saga }) => saga),
      'saga',
    ),
    textArray(
      entries.map(({ outcome }) => outcome),
      'outcome',
    ),
  ],
  row: noRow,
}
