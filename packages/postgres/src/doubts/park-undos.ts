import type { StepName } from '@troupe/core'
import { dueAtOnceUnless } from '../aside/columns.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { stepNames } from './step-names.ts'

/**
 * Parks the events that barred these steps, which are done all the same: as a redrive does it, in front of what came
 * after them and due at once, while the inbox forgets that they had barred.
 */
export const parkUndos: Statement<readonly StepName[], undefined> = {
  name: 'park-undos',
  text: (schema) => `
    WITH taken AS (
      DELETE FROM ${schema}.doubt AS kept USING unnest($1::text[], $2::text[]) AS asked(saga, step)
      WHERE kept.saga = asked.saga AND kept.step = asked.step
      RETURNING kept.*
    ), forgotten AS (
      DELETE FROM ${schema}.inbox AS seen USING taken
      WHERE seen.source = taken.source AND seen.id = taken.id AND seen.outcome = 'barred'
    ), put AS (
      INSERT INTO ${schema}.parked_event (topic, partition, record_offset, key, record_key, headers, value,
        timestamp_ms, source, id, type, saga, bytes)
      SELECT topic, partition, record_offset, key, record_key, headers, value, timestamp_ms, source, id, type, saga, bytes
      FROM taken WHERE topic IS NOT NULL
      ON CONFLICT DO NOTHING
      RETURNING topic, partition, key, bytes
    )
    INSERT INTO ${schema}.parked_key AS held (topic, partition, key, state, version, events, bytes, next_at, attempts)
    SELECT topic, partition, key, 'waiting', 1, count(*), sum(bytes), now(), 0
    FROM put GROUP BY topic, partition, key ORDER BY topic, partition, key
    ON CONFLICT (topic, partition, key) DO UPDATE SET version = held.version + 1,
      events = held.events + EXCLUDED.events, bytes = held.bytes + EXCLUDED.bytes, ${dueAtOnceUnless("held.state = 'held'")}`,
  parameters: stepNames,
  row: noRow,
}
