import type { DeadlineName, DeadlineWrite } from '@troupe/core'
import { bigintArray, textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { recordParameters } from './insert-outbox.ts'

/** A deadline that is set, not lifted. */
export type DeadlineSet = DeadlineName & { readonly set: NonNullable<DeadlineWrite['set']> }

/**
 * Deadlines, each in place of the one of its name, unless that is the same one. Delays are added to the
 * database's time here: no other clock has a say in when a deadline is due.
 */
export const setDeadlines: Statement<readonly DeadlineSet[], undefined> = {
  name: 'set-deadlines',
  text: (schema) => `
    INSERT INTO ${schema}.deadline AS stored
      (saga, name, due_at, id, lane, topic, key, key_is_text, headers, value)
    SELECT saga, name,
      CASE WHEN due = 'after' THEN now() + make_interval(secs => ms / 1000.0) ELSE to_timestamp(ms / 1000.0) END,
      id, lane, topic, key, key_is_text::boolean, headers::json, value
    FROM unnest(
      $1::text[], $2::text[], $3::text[], $4::bigint[],
      $5::text[], $6::text[], $7::text[], $8::bytea[], $9::text[], $10::text[], $11::bytea[]
    ) AS given(saga, name, due, ms, id, lane, topic, key, key_is_text, headers, value)
    ON CONFLICT (saga, name) DO UPDATE
    SET due_at = excluded.due_at, id = excluded.id, lane = excluded.lane, topic = excluded.topic,
      key = excluded.key, key_is_text = excluded.key_is_text, headers = excluded.headers, value = excluded.value
    WHERE stored.id <> excluded.id`,
  parameters: (deadlines) => [
    ...deadlineNames(deadlines),
    textArray(
      deadlines.map(({ set: { due } }) => ('afterMs' in due ? 'after' : 'at')),
      'due',
    ),
    bigintArray(deadlines.map(({ set: { due } }) => ('afterMs' in due ? due.afterMs : due.atMs))),
    ...recordParameters(deadlines.map(({ set }) => set.record)),
  ],
  row: noRow,
}

/** The columns that name deadlines. */
export function deadlineNames(names: readonly DeadlineName[]): [Buffer, Buffer] {
  return [
    textArray(
      names.map(({ saga }) => saga),
      'saga',
    ),
    textArray(
      names.map(({ name }) => name),
      'deadline name',
    ),
  ]
}
