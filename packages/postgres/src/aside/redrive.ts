import { headerNames, type OperatorAction, type Redrive, redrivenFromHeader } from '@troupe/core'
import { bytesArray, textArray } from '../wire/parameters.ts'
import type { Statement } from '../wire/statement.ts'
import { dueAtOnceUnless } from './columns.ts'
import { actionParameters, noting } from './note-action.ts'

/** Headers as JSON text with some more at its end: of two of one name, the later one counts. */
const mendedHeaders = `CASE WHEN chosen.mended IS NULL THEN chosen.headers
  ELSE (left(chosen.headers::text, -1) || CASE WHEN chosen.headers::text = '{}' THEN '' ELSE ',' END
    || '"${redrivenFromHeader}":' || to_json(chosen.letter)
    || ',"${headerNames.dataSchema}":' || to_json(chosen.schema_name) || '}')::json END`

/** It stays with whoever looks at that one: what is redriven waits with the rest. */
const isHeldForAnother = "held.state = 'held' AND held.dead_letter NOT IN (SELECT letter FROM chosen)"

/**
 * Parks dead letters again, to be tried at once. Locks them: of two who redrive one, the second finds it
 * redriven. The inbox forgets only that they were dead letters.
 */
export const redrive: Statement<
  { readonly letters: readonly Redrive[]; readonly action: OperatorAction },
  string
> = {
  name: 'redrive',
  text: (schema) => `
    WITH chosen AS MATERIALIZED (
      SELECT letter.*, asked.mended, asked.schema_name FROM ${schema}.dead_letter AS letter
      JOIN unnest($4::text[], $5::bytea[], $6::text[]) AS asked(letter, mended, schema_name) USING (letter)
      WHERE letter.state <> 'redriven' ORDER BY letter.letter FOR UPDATE OF letter
    ), marked AS (
      UPDATE ${schema}.dead_letter AS letter SET state = 'redriven', closed_at = now(), redrives = letter.redrives + 1
      FROM chosen WHERE letter.letter = chosen.letter
      RETURNING letter.letter AS name
    ), forgotten AS (
      DELETE FROM ${schema}.inbox AS seen USING chosen
      WHERE seen.source = chosen.source AND seen.id = chosen.id AND seen.outcome = 'dead-lettered'
    ), put AS (
      INSERT INTO ${schema}.parked_event (topic, partition, record_offset, key, record_key, headers, value,
        timestamp_ms, source, id, type, saga, redrives, bytes)
      SELECT topic, partition, record_offset, key, record_key, ${mendedHeaders}, coalesce(mended, value),
        timestamp_ms, source, id, type, saga, redrives + 1, bytes
      FROM chosen
      ON CONFLICT DO NOTHING
      RETURNING topic, partition, key, bytes
    ), keyed AS (
      INSERT INTO ${schema}.parked_key AS held (topic, partition, key, state, version, events, bytes, next_at, attempts)
      SELECT topic, partition, key, 'waiting', 1, count(*), sum(bytes), now(), 0
      FROM put GROUP BY topic, partition, key ORDER BY topic, partition, key
      ON CONFLICT (topic, partition, key) DO UPDATE SET version = held.version + 1,
        events = held.events + EXCLUDED.events, bytes = held.bytes + EXCLUDED.bytes, ${dueAtOnceUnless(isHeldForAnother)}
    ), noted AS (${noting(schema, 'redrive', 'marked', '(SELECT count(*) FROM marked)')}
    )
    SELECT name FROM marked`,
  parameters: ({ letters, action }) => [
    ...actionParameters(action),
    textArray(
      letters.map(({ id }) => id),
      'dead letter',
    ),
    bytesArray(letters.map(({ mended }) => mended?.value ?? null)),
    textArray(
      letters.map(({ mended }) => mended?.schemaName ?? null),
      'schema name',
    ),
  ],
  row: ([id]) => id as string,
}
