import type { AsidePage, OperatorActionFilter, StoredOperatorAction } from '@troupe/core'
import { type Parameter, text } from '../wire/parameters.ts'
import type { Statement } from '../wire/statement.ts'
import { inMs } from './columns.ts'
import { pageParameters } from './filters.ts'
import type { Numbered } from './list-parked-keys.ts'

/** How many names of a command are told. */
const namesMax = 100
/** Longer than any transaction: so far the order of rows and the order of their times may differ. */
const skew = "interval '1 hour'"

type Listing = Statement<
  { readonly filter: OperatorActionFilter; readonly page: AsidePage },
  Numbered<StoredOperatorAction>
>

type Filter = keyof OperatorActionFilter
const filters: readonly Filter[] = ['by', 'did', 'name', 'fromMs', 'untilMs']

/** Of the row `one`, on the parameter `given`. Those on times also bound the rows that are looked at. */
const conditionOf: Readonly<Record<Filter, (schema: string, given: string) => string>> = {
  by: (_schema, given) => `one.by = ${given}::text`,
  did: (_schema, given) => `one.did = ${given}::text`,
  // The only one that reads all that people did: names are kept as they were said, and are asked for rarely.
  name: (schema, given) => `one.seq = ANY (ARRAY(
          SELECT ${firstOf(schema, 'touching')} FROM ${schema}.operator_action AS touching
          WHERE ${given}::text IN (SELECT json_array_elements_text(touching.names))))`,
  fromMs: (schema, given) => `one.at >= ${timeOf(given)} AND one.seq >= (
          SELECT seq FROM ${schema}.operator_action WHERE at >= ${timeOf(given)} - ${skew} ORDER BY at LIMIT 1)`,
  untilMs: (schema, given) => `one.at < ${timeOf(given)} AND one.seq <= (
          SELECT seq FROM ${schema}.operator_action WHERE at < ${timeOf(given)} + ${skew} ORDER BY at DESC LIMIT 1)`,
}

/**
 * What people did, the latest first. Each portion of a command is a row, kept by the transaction that did it; a
 * command is all its rows, and stands where its first one does, so that pages stay as they are while it goes on.
 * Walks back from where the last page ended, over what the filter says by an index; only a name is looked for in all.
 */
export function listOperatorActionsBy(filter: OperatorActionFilter): Listing {
  const given = filters.filter((one) => filter[one] !== undefined)
  return {
    name: ['list-operator-actions', ...given].join('-'),
    text: (schema) => `
    WITH page AS MATERIALIZED (
      SELECT one.seq, one.at, one.by, one.reason, one.command, one.did FROM ${schema}.operator_action AS one
      WHERE one.seq < $1::bigint AND one.seq = ${firstOf(schema, 'one')}
        ${given.map((name, at) => `AND ${conditionOf[name](schema, `$${at + 3}`)}`).join('\n        ')}
      ORDER BY one.seq DESC LIMIT $2::int
    )
    SELECT page.seq, ${inMs('page.at')}, ${inMs('whole.last_at')}, page.by, page.reason, page.command, page.did,
      whole.count, whole.portions, whole.names
    FROM page CROSS JOIN LATERAL (
      SELECT max(part.at) AS last_at, sum(part.count) AS count, count(*) AS portions, (
        SELECT coalesce(json_agg(told.name), '[]'::json) FROM (
          SELECT named.name FROM (${portionsOf(schema)}) AS early
          CROSS JOIN LATERAL json_array_elements_text(early.names) WITH ORDINALITY AS named(name, nth)
          ORDER BY early.seq, named.nth LIMIT ${namesMax}
        ) AS told
      ) AS names
      FROM (${portionsOf(schema)}) AS part
    ) AS whole
    ORDER BY page.seq DESC`,
    parameters: ({ filter: asked, page }) => [
      ...pageParameters({ ...page, after: page.after === 0n ? seqMax : page.after }),
      ...given.map((name) => parameterOf(asked[name], name)),
    ],
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
}

const seqMax = 2n ** 63n - 1n

/** Where the first portion of a row's command stands. Asked row by row: a join might read the table for it. */
function firstOf(schema: string, row: string): string {
  return `CASE WHEN ${row}.command IS NULL THEN ${row}.seq ELSE (
          SELECT earlier.seq FROM ${schema}.operator_action AS earlier
          WHERE earlier.command = ${row}.command AND earlier.did = ${row}.did AND earlier.by = ${row}.by
            AND earlier.reason = ${row}.reason
          ORDER BY earlier.seq LIMIT 1) END`
}

/** The rows of a command of the page. */
function portionsOf(schema: string): string {
  return `
        SELECT own.seq, own.at, own.count, own.names FROM ${schema}.operator_action AS own
        WHERE own.seq = page.seq AND page.command IS NULL
        UNION ALL
        SELECT own.seq, own.at, own.count, own.names FROM ${schema}.operator_action AS own
        WHERE own.command = page.command AND own.did = page.did AND own.by = page.by AND own.reason = page.reason`
}

function timeOf(given: string): string {
  return `to_timestamp(${given}::float8 / 1000)`
}

function parameterOf(value: OperatorActionFilter[Filter], what: string): Parameter {
  return typeof value === 'string' ? text(value, what) : String(value)
}
