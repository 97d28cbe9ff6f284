import type { OutgoingRecord } from '@troupe/core'
import { bytesArray, jsonArray, textArray } from '../wire/parameters.ts'
import type { Statement } from '../wire/statement.ts'
import { keyIsText, storedHeaders } from './outbox-record.ts'

/**
 * Records to be published, numbered in the order given. Answers with the ids of those that were written for
 * the same topics and keys before: it sees what was there when it began, and nothing of its own.
 *
 * Goes after the documents: of two transactions that write one document, the second one begins this
 * statement when the first has committed, so that it numbers its records after the other's, and sees them.
 */
export const insertOutbox: Statement<readonly OutgoingRecord[], string> = {
  name: 'insert-outbox',
  text: (schema) => `
    WITH given AS MATERIALIZED (
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::bytea[])
        WITH ORDINALITY AS given(id, lane, topic, key, key_is_text, headers, value, ordinal)
    ), written AS (
      INSERT INTO ${schema}.outbox (id, lane, topic, key, key_is_text, headers, value)
      SELECT id, lane, topic, key, key_is_text::boolean, headers::json, value FROM given ORDER BY ordinal
    )
    SELECT earlier.id
    FROM (SELECT DISTINCT topic, key FROM given WHERE key_is_text::boolean) AS mine
    JOIN ${schema}.outbox AS earlier ON earlier.key = mine.key AND earlier.key_is_text AND earlier.topic = mine.topic`,
  parameters: recordParameters,
  row: ([id]) => id as string,
}

/** The columns of records that are to be published. */
export function recordParameters(records: readonly OutgoingRecord[]): Buffer[] {
  return [
    textArray(
      records.map(({ id }) => id),
      'record id',
    ),
    textArray(
      records.map(({ lane }) => lane),
      'lane',
    ),
    textArray(
      records.map(({ topic }) => topic),
      'topic',
    ),
    bytesArray(records.map(({ key }) => key)),
    textArray(
      records.map(({ key }) => String(keyIsText(key))),
      'key',
    ),
    jsonArray(records.map(({ headers }) => storedHeaders(headers))),
    bytesArray(records.map(({ value }) => value)),
  ]
}
