import type { DeadLetterWrite } from '@troupe/core'
import { bigintArray, textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { failuresOf, placesOf, recordColumns, recordParameters, recordTypes } from './columns.ts'

/** One that is there already was redriven in vain: it is open again, with the original record. */
export const insertDeadLetters: Statement<readonly DeadLetterWrite[], undefined> = {
  name: 'insert-dead-letters',
  text: (schema) => `
    INSERT INTO ${schema}.dead_letter AS known (letter, attempts, first_failed_at,
      reaction, code, message, stack, failure_group, topic, partition, key, ${recordColumns})
    SELECT letter, attempts, coalesce(to_timestamp(first_failed_ms::float8 / 1000), now()),
      reaction, code, message, stack, failure_group,
      topic, partition, key, record_offset, record_key, headers::json, value, timestamp_ms, source, id, type, saga, bytes
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::bigint[], $11::text[], ${recordTypes(12)})
      AS given(letter, attempts, first_failed_ms, reaction, code, message, stack, failure_group,
        topic, partition, key, ${recordColumns})
    ON CONFLICT (letter) DO UPDATE SET state = 'open', closed_at = NULL, attempts = EXCLUDED.attempts, last_failed_at = now(),
      reaction = EXCLUDED.reaction, code = EXCLUDED.code, message = EXCLUDED.message, stack = EXCLUDED.stack,
      failure_group = EXCLUDED.failure_group`,
  parameters: (letters) => [
    textArray(
      letters.map(({ id }) => id),
      'dead letter',
    ),
    bigintArray(letters.map(({ attempts }) => attempts)),
    textArray(
      letters.map(({ firstFailedAtMs }) => (firstFailedAtMs === undefined ? null : String(firstFailedAtMs))),
      'time',
    ),
    ...failuresOf(letters.map(({ failure }) => failure)),
    ...placesOf(letters.map(({ record: { topic, partition }, key }) => ({ topic, partition, key }))),
    ...recordParameters(letters),
  ],
  row: noRow,
}
