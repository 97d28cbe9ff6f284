import type { AsidePage, OperatorActionFilter, StoredOperatorAction } from '@troupe/core'
import { text } from '../wire/parameters.ts'
import type { Statement } from '../wire/statement.ts'
import { inMs } from './columns.ts'
import { pageParameters } from './filters.ts'
import type { Numbered } from './list-parked-keys.ts'

/** How many names of a command are told. */
const namesMax = 100

/**
 * What people did, the latest first. Each portion of a command is a row, kept by the transaction that did it; a
 * command is all its rows, and stands where its first one does, so that pages stay as they are while it goes on.
 */
export const listOperatorActions: Statement<
  { readonly filter: OperatorActionFilter; readonly page: AsidePage },
  Numbered<StoredOperatorAction>
> = {
  name: 'list-operator-actions',
  text: (schema) => `
    WITH done AS MATERIALIZED (
      SELECT min(one.seq) AS seq, max(one.seq) AS last_seq, min(one.at) AS at, max(one.at) AS last_at,
        one.by, one.reason, one.command, one.did, sum(one.count) AS count, count(*) AS portions
      FROM ${schema}.operator_action AS one
      WHERE ($1::text IS NULL OR one.by = $1::text) AND ($2::text IS NULL OR one.did = $2::text)
      GROUP BY one.by, one.reason, one.did, one.command, CASE WHEN one.command IS NULL THEN one.seq END
      HAVING ($3::text IS NULL
          OR bool_or($3::text IS NOT NULL AND $3::text IN (SELECT json_array_elements_text(one.names))))
        AND ($4::float8 IS NULL OR min(one.at) >= to_timestamp($4::float8 / 1000))
        AND ($5::float8 IS NULL OR min(one.at) < to_timestamp($5::float8 / 1000))
        AND ($6::bigint = 0 OR min(one.seq) < $6::bigint)
      ORDER BY 1 DESC LIMIT $7::int
    )
    SELECT seq, ${inMs('at')}, ${inMs('last_at')}, by, reason, command, did, count, portions, (
      SELECT coalesce(json_agg(told.name), '[]'::json) FROM (
        SELECT named.name FROM ${schema}.operator_action AS one
        CROSS JOIN LATERAL json_array_elements_text(one.names) WITH ORDINALITY AS named(name, nth)
        WHERE one.seq BETWEEN done.seq AND done.last_seq AND one.command IS NOT DISTINCT FROM done.command
          AND one.did = done.did AND one.by = done.by AND one.reason = done.reason
        ORDER BY one.seq, named.nth LIMIT ${namesMax}
      ) AS told
    )
    FROM done ORDER BY seq DESC`,
  parameters({ filter: { by, did, name, fromMs, untilMs }, page }) {
    const asText = (value: string | undefined, what: string) =>
      value === undefined ? null : text(value, what)
    return [
      asText(by, 'name'),
      asText(did, 'action'),
      asText(name, 'dead letter or key'),
      fromMs === undefined ? null : String(fromMs),
      untilMs === undefined ? null : String(untilMs),
      ...pageParameters(page),
    ]
  },
  row: ([seq, atMs, lastAtMs, by, reason, command, did, count, portions, names]) => ({
    seq: BigInt(seq as string),
    one: {
      seq: BigInt(seq as string),
      atMs: Number(atMs),
      lastAtMs: Number(lastAtMs),
      by: by as string,
      reason: reason as string,
      command: command ?? undefined,
      did: did as StoredOperatorAction['did'],
      count: Number(count),
      portions: Number(portions),
      names: JSON.parse(names as string) as string[],
    },
  }),
}
