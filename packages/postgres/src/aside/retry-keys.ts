import type { ParkedKeyWrite } from '@troupe/core'
import { refusal } from '../database-error.ts'
import { bigintArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { placesOf } from './columns.ts'
import { nextParameters } from './park-keys.ts'

type Retry = ParkedKeyWrite & { readonly form: 'retry' }

/**
 * What became of keys that were tried again: takes away what was handled, and says how each goes on. Refuses
 * the transaction unless each key still has its version: nobody else has touched it meanwhile.
 *
 * What was taken is counted by the place of its key in the list: two lists that are joined would be held
 * against each other row by row.
 */
export const retryKeys: Statement<readonly Retry[], undefined> = {
  name: 'retry-keys',
  text: (schema) => `
    WITH given AS (
      SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bigint[],
          $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
        WITH ORDINALITY AS given(topic, partition, key, version, state, delay_ms, attempts,
          reaction, code, message, stack, failure_group, dead_letter, place)
    ), gone AS (
      DELETE FROM ${schema}.parked_event AS event
      USING unnest($14::text[], $15::bigint[], $16::text[], $17::bigint[], $18::bigint[])
        AS done(topic, partition, key, record_offset, place)
      WHERE event.topic = done.topic AND event.partition = done.partition AND event.key = done.key
        AND event.record_offset = done.record_offset
      RETURNING done.place, event.bytes
    ), counted AS (
      SELECT place, sum(events) AS events, sum(bytes) AS bytes FROM (
        SELECT place, 1 AS events, bytes FROM gone UNION ALL SELECT place, 0, 0 FROM given
      ) AS one GROUP BY place
    ), taken AS MATERIALIZED (
      SELECT array_agg(events ORDER BY place) AS events, array_agg(bytes ORDER BY place) AS bytes FROM counted
    ), written AS (
      UPDATE ${schema}.parked_key AS held SET
        version = held.version + 1,
        events = held.events - taken.events[given.place],
        bytes = held.bytes - taken.bytes[given.place],
        state = CASE given.state WHEN 'held' THEN 'held' ELSE 'waiting' END,
        next_at = CASE given.state
          WHEN 'waiting' THEN now() + make_interval(secs => given.delay_ms / 1000.0)
          WHEN 'held' THEN NULL ELSE now() END,
        attempts = given.attempts, reaction = given.reaction, code = given.code, message = given.message,
        stack = given.stack, failure_group = given.failure_group, dead_letter = given.dead_letter,
        first_failed_at = CASE
          WHEN given.state = 'paused' THEN held.first_failed_at
          WHEN given.attempts = 1 THEN now()
          WHEN given.attempts > 1 THEN coalesce(held.first_failed_at, now()) END,
        last_failed_at = CASE WHEN given.state = 'paused' THEN held.last_failed_at WHEN given.attempts > 0 THEN now() END
      FROM given CROSS JOIN taken
      WHERE held.topic = given.topic AND held.partition = given.partition AND held.key = given.key
        AND held.version = given.version
      RETURNING 1
    )
    SELECT ${schema}.refuse('${refusal.conflict}', 'a parked key has changed')
    WHERE (SELECT count(*) FROM written) <> cardinality($1::text[])`,
  parameters(keys) {
    const done = keys.flatMap(({ topic, partition, key, done: logPlaces }, index) =>
      logPlaces.map((logPlace) => ({ topic, partition, key, logPlace, place: index + 1 })),
    )
    return [
      ...placesOf(keys),
      bigintArray(keys.map(({ version }) => version)),
      ...nextParameters(keys.map(({ next }) => next)),
      ...placesOf(done),
      bigintArray(done.map(({ logPlace }) => logPlace)),
      bigintArray(done.map(({ place }) => place)),
    ]
  },
  row: noRow,
}
