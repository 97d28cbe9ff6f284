import type { KeyPlace, OperatorAction } from '@troupe/core'
import type { Statement } from '../wire/statement.ts'
import { dueAtOnce, placesOf, recordColumns } from './columns.ts'
import { actionParameters, noting } from './note-action.ts'

/** Gives up the heads of keys, or all that is parked for them; it is kept among the dead letters. */
export const discardParked: Statement<
  { readonly keys: readonly KeyPlace[]; readonly what: 'head' | 'all'; readonly action: OperatorAction },
  number
> = {
  name: 'discard-parked',
  text: (schema) => `
    WITH locked AS MATERIALIZED (
      SELECT held.* FROM ${schema}.parked_key AS held
      JOIN unnest($3::text[], $4::bigint[], $5::text[]) AS asked(topic, partition, key)
        ON held.topic = asked.topic AND held.partition = asked.partition AND held.key = asked.key
      ORDER BY held.topic, held.partition, held.key FOR UPDATE OF held
    ), chosen AS MATERIALIZED (
      SELECT event.* FROM locked CROSS JOIN LATERAL (
        SELECT * FROM ${schema}.parked_event AS one
        WHERE one.topic = locked.topic AND one.partition = locked.partition AND one.key = locked.key
        ORDER BY one.record_offset LIMIT CASE $6::text WHEN 'head' THEN 1 END
      ) AS event
    ), gone AS (
      DELETE FROM ${schema}.parked_event AS event USING chosen
      WHERE event.topic = chosen.topic AND event.partition = chosen.partition
        AND event.record_offset = chosen.record_offset
      RETURNING event.*
    ), kept AS (
      INSERT INTO ${schema}.dead_letter (letter, state, attempts, redrives, first_failed_at,
        reaction, code, message, stack, failure_group, topic, partition, key, ${recordColumns})
      SELECT format('%s/%s/%s', gone.topic, gone.partition, gone.record_offset), 'discarded', locked.attempts,
        gone.redrives, coalesce(locked.first_failed_at, now()), locked.reaction,
        coalesce(locked.code, 'TROUPE_REACTION_FAILED'), coalesce(locked.message, $2::text), locked.stack,
        coalesce(locked.failure_group, 'discarded'), gone.topic, gone.partition, gone.key,
        gone.record_offset, gone.record_key, gone.headers, gone.value, gone.timestamp_ms,
        gone.source, gone.id, gone.type, gone.saga, gone.bytes
      FROM gone JOIN locked USING (topic, partition, key)
      ON CONFLICT (letter) DO UPDATE SET state = 'discarded'
    ), seen AS (
      INSERT INTO ${schema}.inbox (source, id, type, saga, outcome)
      SELECT DISTINCT ON (source, id) source, id, type, saga, 'dead-lettered' FROM gone WHERE id IS NOT NULL
      ON CONFLICT DO NOTHING
    ), freed AS (
      UPDATE ${schema}.parked_key AS held
      SET version = held.version + 1, events = held.events - taken.events, bytes = held.bytes - taken.bytes, ${dueAtOnce}
      FROM (
        SELECT locked.topic, locked.partition, locked.key, count(gone.record_offset) AS events,
          coalesce(sum(gone.bytes), 0) AS bytes
        FROM locked LEFT JOIN gone USING (topic, partition, key) GROUP BY locked.topic, locked.partition, locked.key
      ) AS taken
      WHERE held.topic = taken.topic AND held.partition = taken.partition AND held.key = taken.key
    ), names AS (
      SELECT format('%s/%s/%s', topic, partition, key) AS name FROM locked
    ), noted AS (${noting(schema, 'discard parked', 'names', '(SELECT count(*) FROM gone)')}
    )
    SELECT count(*) FROM gone`,
  parameters: ({ keys, what, action }) => [...actionParameters(action), ...placesOf(keys), what],
  row: ([count]) => Number(count),
}
