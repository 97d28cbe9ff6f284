import type { KeyPlace, OperatorAction } from '@troupe/core'
import type { Statement } from '../wire/statement.ts'
import { dueAtOnce, letterOf, placesOf, recordColumns } from './columns.ts'
import { actionParameters, noting } from './note-action.ts'

/**
 * Gives up the heads of keys, or all that is parked for them; it is kept among the dead letters. The head of a key
 * that is held is the dead letter for which it is, and not what waits behind that. Dead letters are locked before
 * keys, as a redrive does.
 */
export const discardParked: Statement<
  { readonly keys: readonly KeyPlace[]; readonly what: 'head' | 'all'; readonly action: OperatorAction },
  number
> = {
  name: 'discard-parked',
  text: (schema) => `
    WITH asked AS (
      SELECT DISTINCT * FROM unnest($4::text[], $5::bigint[], $6::text[]) AS asked(topic, partition, key)
    ), heads AS MATERIALIZED (
      SELECT head.letter FROM ${schema}.dead_letter AS head
      WHERE head.state = 'open' AND head.letter IN (
        SELECT held.dead_letter FROM ${schema}.parked_key AS held JOIN asked USING (topic, partition, key)
        WHERE held.state = 'held'
      )
      ORDER BY head.letter FOR UPDATE
    ), locked AS MATERIALIZED (
      SELECT held.* FROM ${schema}.parked_key AS held JOIN asked USING (topic, partition, key)
      WHERE (SELECT count(*) FROM heads) >= 0
      ORDER BY held.topic, held.partition, held.key FOR UPDATE OF held
    ), closed AS (
      UPDATE ${schema}.dead_letter AS head SET state = 'discarded', closed_at = now()
      FROM heads JOIN locked ON locked.dead_letter = heads.letter
      WHERE head.letter = heads.letter AND locked.state = 'held'
      RETURNING 1
    ), chosen AS MATERIALIZED (
      SELECT event.* FROM locked CROSS JOIN LATERAL (
        SELECT * FROM ${schema}.parked_event AS one
        WHERE one.topic = locked.topic AND one.partition = locked.partition AND one.key = locked.key
          AND ($7::text = 'all' OR locked.state = 'waiting')
        ORDER BY one.record_offset LIMIT CASE $7::text WHEN 'head' THEN 1 END
      ) AS event
    ), gone AS (
      DELETE FROM ${schema}.parked_event AS event USING chosen
      WHERE event.topic = chosen.topic AND event.partition = chosen.partition
        AND event.record_offset = chosen.record_offset
      RETURNING event.*
    ), kept AS (
      INSERT INTO ${schema}.dead_letter (letter, state, closed_at, attempts, redrives, first_failed_at,
        reaction, code, message, stack, failure_group, topic, partition, key, ${recordColumns})
      SELECT ${letterOf('gone')}, 'discarded', now(),
        coalesce(failed.attempts, 0), gone.redrives, coalesce(failed.first_failed_at, now()), failed.reaction,
        coalesce(failed.code, 'TROUPE_STOPPED'), coalesce(failed.message, $2::text), failed.stack,
        coalesce(failed.failure_group, 'discarded'), gone.topic, gone.partition, gone.key,
        gone.record_offset, gone.record_key, gone.headers, gone.value, gone.timestamp_ms,
        gone.source, gone.id, gone.type, gone.saga, gone.bytes
      FROM (
        SELECT *, row_number() OVER (PARTITION BY topic, partition, key ORDER BY record_offset) AS nth FROM gone
      ) AS gone
      LEFT JOIN locked AS failed ON failed.topic = gone.topic AND failed.partition = gone.partition
        AND failed.key = gone.key AND failed.state = 'waiting' AND gone.nth = 1
      ON CONFLICT (letter) DO UPDATE SET state = 'discarded', closed_at = now()
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
    ), noted AS (${noting(schema, 'discard parked', 'names', '(SELECT count(*) FROM gone) + (SELECT count(*) FROM closed)')}
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM closed)`,
  parameters: ({ keys, what, action }) => [...actionParameters(action), ...placesOf(keys), what],
  row: ([count]) => Number(count),
}
