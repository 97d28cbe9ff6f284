import type { OutgoingRecord } from '@troupe/core'
import { bytesArray, jsonArray, textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { keyBytes, keyIsText, storedHeaders } from './outbox-record.ts'

/**
 * Records to be published, numbered in the order given. Goes after the documents: two transactions that
 * write one document have then numbered their records in the order in which they wrote it.
 */
export const insertOutbox: Statement<readonly OutgoingRecord[], undefined> = {
  name: 'insert-outbox',
  text: (schema) => `
    INSERT INTO ${schema}.outbox (id, lane, topic, key, key_is_text, headers, value)
    SELECT id, lane, topic, key, key_is_text::boolean, headers::json, value
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::bytea[])
      WITH ORDINALITY AS given(id, lane, topic, key, key_is_text, headers, value, ordinal)
    ORDER BY ordinal`,
  parameters: (records) => [
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
    bytesArray(records.map(({ key }) => keyBytes(key))),
    textArray(
      records.map(({ key }) => String(keyIsText(key))),
      'key',
    ),
    jsonArray(records.map(({ headers }) => storedHeaders(headers))),
    bytesArray(records.map(({ value }) => value)),
  ],
  row: noRow,
}
