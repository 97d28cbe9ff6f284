import type { AsideFilter, AsidePage, StoredParkedKey } from '@troupe/core'
import type { Statement } from '../wire/statement.ts'
import { inMs, isPaused } from './columns.ts'
import { conditions, failureFrom, filterParameters, numberOr, pageParameters } from './filters.ts'

export interface Numbered<One> {
  readonly seq: bigint
  readonly one: One
}

const anyEvent = (schema: string, condition: string) => `EXISTS (
        SELECT FROM ${schema}.parked_event AS event
        WHERE event.topic = held.topic AND event.partition = held.partition AND event.key = held.key AND ${condition})`

/** Parked keys that fit a filter, the ones that were parked first at first. */
export const listParkedKeys: Statement<
  { readonly filter: AsideFilter; readonly page: AsidePage },
  Numbered<StoredParkedKey>
> = {
  name: 'list-parked-keys',
  text: (schema) => `
    SELECT seq, topic, partition, key, CASE WHEN ${isPaused('held')} THEN 'paused' ELSE state END, events, bytes,
      ${inMs('since')}, CASE WHEN NOT ${isPaused('held')} THEN ${inMs('next_at')} END, attempts,
      ${inMs('first_failed_at')}, ${inMs('last_failed_at')}, dead_letter, reaction, code, message, stack, failure_group
    FROM ${schema}.parked_key AS held
    WHERE ${conditions('held', {
      event: anyEvent(schema, 'event.id = $4::text'),
      saga: anyEvent(schema, 'event.saga = $5::text'),
    })}
      AND seq > $10::bigint
    ORDER BY seq LIMIT $11::int`,
  parameters: ({ filter, page }) => [...filterParameters(filter), ...pageParameters(page)],
  row([
    seq,
    topic,
    partition,
    key,
    state,
    events,
    bytes,
    since,
    nextAt,
    attempts,
    first,
    last,
    letter,
    ...failure
  ]) {
    return {
      seq: BigInt(seq as string),
      one: {
        topic: topic as string,
        partition: Number(partition),
        key: key as string,
        state: state as StoredParkedKey['state'],
        events: Number(events),
        bytes: Number(bytes),
        sinceMs: Number(since),
        nextAtMs: numberOr(nextAt),
        attempts: Number(attempts),
        failure: failureFrom(failure),
        firstFailedAtMs: numberOr(first),
        lastFailedAtMs: numberOr(last),
        deadLetter: letter ?? undefined,
      },
    }
  },
}
