import type { AsideFilter, AsidePage, Failure } from '@troupe/core'
import { inboxName } from '../statements/inbox-name.ts'
import { type Parameter, text } from '../wire/parameters.ts'
import type { Fields } from '../wire/statement.ts'

/** What a page holds at most, whatever is asked for. */
export const pageMax = 1_000

/**
 * Conditions on the columns that parked keys and dead letters have alike; `$1` to `$9` are
 * {@link filterParameters}, and one that was not asked for is null. `event` and `saga`: how to ask for these.
 */
export function conditions(
  row: string,
  { event, saga }: { readonly event: string; readonly saga: string },
): string {
  return `($1::text IS NULL OR ${row}.topic = $1::text)
      AND ($2::int IS NULL OR ${row}.partition = $2::int)
      AND ($3::text IS NULL OR ${row}.key = $3::text)
      AND ($4::text IS NULL OR ${event})
      AND ($5::text IS NULL OR ${saga})
      AND ($6::text IS NULL OR ${row}.reaction = $6::text)
      AND ($7::text IS NULL OR ${row}.failure_group = $7::text)
      AND ($8::float8 IS NULL OR ${row}.last_failed_at >= to_timestamp($8::float8 / 1000))
      AND ($9::float8 IS NULL OR ${row}.last_failed_at < to_timestamp($9::float8 / 1000))`
}

export function filterParameters(filter: AsideFilter): readonly Parameter[] {
  const { topic, partition, key, event, saga, reaction, group, fromMs, untilMs } = filter
  const asText = (value: string | undefined, what: string) => (value === undefined ? null : text(value, what))
  return [
    asText(topic, 'topic'),
    partition === undefined ? null : String(partition),
    asText(key, 'key'),
    asText(event === undefined ? undefined : inboxName(event), 'event id'),
    asText(saga, 'saga'),
    asText(reaction, 'reaction'),
    asText(group, 'failure group'),
    fromMs === undefined ? null : String(fromMs),
    untilMs === undefined ? null : String(untilMs),
  ]
}

/** Two parameters. */
export function pageParameters({ after, limit }: AsidePage): readonly Parameter[] {
  return [String(after), String(Math.min(limit, pageMax))]
}

/** Reaction, code, message, stack, group. */
export function failureFrom([reaction, code, message, stack, group]: Fields): Failure | undefined {
  if (code === null || code === undefined) return undefined
  return {
    reaction: reaction ?? undefined,
    code,
    message: message as string,
    stack: stack ?? undefined,
    group: group as string,
  }
}

export function numberOr(field: string | null | undefined): number | undefined {
  return field === null || field === undefined ? undefined : Number(field)
}

/** A page as people get it; `seq` says where the next one begins. */
export function pageOf<One>(
  rows: readonly { readonly seq: bigint; readonly one: One }[],
  { limit }: AsidePage,
) {
  const isLast = rows.length < Math.min(limit, pageMax)
  return { found: rows.map(({ one }) => one), next: isLast ? undefined : rows.at(-1)?.seq }
}
