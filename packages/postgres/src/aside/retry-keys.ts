import type { ParkedKeyWrite } from '@troupe/core'
import { refusal } from '../database-error.ts'
import { bigintArray, textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { placesOf } from './columns.ts'
import { nextParameters } from './park-keys.ts'

type Retry = ParkedKeyWrite & { readonly form: 'retry' }

/**
 * What became of keys that were tried again: takes away what was handled, and says how each goes on. Refuses
 * the transaction unless each key still has its version: nobody else has touched it meanwhile.
 */
export const retryKeys: Statement<readonly Retry[], undefined> = {
  name: 'retry-keys',
  text: (schema) => `
    WITH given AS (
      SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bigint[],
          $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
        AS given(topic, partition, key, version, state, delay_ms, attempts,
          reaction, code, message, stack, failure_group, dead_letter)
    ), gone AS (
      DELETE FROM ${schema}.parked_event AS event
      USING unnest($14::text[], $15::bigint[], $16::bigint[]) AS done(topic, partition, record_offset)
      WHERE event.topic = done.topic AND event.partition = done.partition
        AND event.record_offset = done.record_offset
      RETURNING event.topic, event.partition, event.key, event.bytes
    ), taken AS (
      SELECT topic, partition, key, count(*) AS events, sum(bytes) AS bytes FROM gone GROUP BY topic, partition, key
    ), written AS (
      UPDATE ${schema}.parked_key AS held SET
        version = held.version + 1,
        events = held.events - coalesce(taken.events, 0),
        bytes = held.bytes - coalesce(taken.bytes, 0),
        state = CASE given.state WHEN 'held' THEN 'held' ELSE 'waiting' END,
        next_at = CASE given.state
          WHEN 'waiting' THEN now() + make_interval(secs => given.delay_ms / 1000.0)
          WHEN 'free' THEN now() END,
        attempts = given.attempts, reaction = given.reaction, code = given.code, message = given.message,
        stack = given.stack, failure_group = given.failure_group, dead_letter = given.dead_letter,
        first_failed_at = CASE
          WHEN given.attempts = 1 THEN now()
          WHEN given.attempts > 1 THEN coalesce(held.first_failed_at, now()) END,
        last_failed_at = CASE WHEN given.attempts > 0 THEN now() END
      FROM given LEFT JOIN taken
        ON taken.topic = given.topic AND taken.partition = given.partition AND taken.key = given.key
      WHERE held.topic = given.topic AND held.partition = given.partition AND held.key = given.key
        AND held.version = given.version
      RETURNING 1
    )
    SELECT ${schema}.refuse('${refusal.conflict}', 'a parked key has changed')
    WHERE (SELECT count(*) FROM written) <> cardinality($1::text[])`,
  parameters(keys) {
    const done = keys.flatMap(({ topic, partition, done: offsets }) =>
      offsets.map((offset) => ({ topic, partition, offset })),
    )
    return [
      ...placesOf(keys),
      bigintArray(keys.map(({ version }) => version)),
      ...nextParameters(keys.map(({ next }) => next)),
      textArray(
        done.map(({ topic }) => topic),
        'topic',
      ),
      bigintArray(done.map(({ partition }) => partition)),
      bigintArray(done.map(({ offset }) => offset)),
    ]
  },
  row: noRow,
}
