import type { ParkedKeyWrite } from '@troupe/core'
import { bigintArray, textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { bytesIn, failuresOf, placesOf } from './columns.ts'

type Park = ParkedKeyWrite & { readonly form: 'park' }

/** Fails as a conflict if one of the keys is parked already. Their events are inserted apart. */
export const parkKeys: Statement<readonly Park[], undefined> = {
  name: 'park-keys',
  text: (schema) => `
    INSERT INTO ${schema}.parked_key (topic, partition, key, version, events, bytes, state, next_at, attempts,
      reaction, code, message, stack, failure_group, first_failed_at, last_failed_at, dead_letter)
    SELECT topic, partition, key, 1, events, bytes, CASE state WHEN 'paused' THEN 'waiting' ELSE state END,
      CASE WHEN state <> 'held' THEN now() + make_interval(secs => delay_ms / 1000.0) END, attempts,
      reaction, code, message, stack, failure_group,
      CASE WHEN attempts > 0 THEN now() END, CASE WHEN attempts > 0 THEN now() END, dead_letter
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[],
        $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[])
      AS given(topic, partition, key, events, bytes, state, delay_ms, attempts,
        reaction, code, message, stack, failure_group, dead_letter)`,
  parameters: (keys) => [
    ...placesOf(keys),
    bigintArray(keys.map(({ records }) => records.length)),
    bigintArray(keys.map(({ records }) => records.reduce((all, { record }) => all + bytesIn(record), 0))),
    ...nextParameters(keys.map(({ next }) => next)),
  ],
  row: noRow,
}

/** State, delay, attempts, the failure, and for which dead letter: nine parameters. */
export function nextParameters(all: readonly (ParkedKeyWrite & { form: 'retry' })['next'][]) {
  return [
    textArray(
      all.map(({ state }) => state),
      'state',
    ),
    bigintArray(all.map((next) => (next.state === 'waiting' ? Math.round(next.delayMs) : 0))),
    bigintArray(all.map((next) => (next.state === 'free' ? 0 : next.attempts))),
    ...failuresOf(all.map((next) => (next.state === 'free' ? undefined : next.failure))),
    textArray(
      all.map((next) => (next.state === 'held' ? next.deadLetter : null)),
      'dead letter',
    ),
  ]
}
