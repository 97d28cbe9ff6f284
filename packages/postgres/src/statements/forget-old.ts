import type { Forgettable } from '@troupe/core'
import type { Statement } from '../wire/statement.ts'

/** Of PostgreSQL's pages, 8 KiB each: what one portion looks at, and some ten thousand rows at most. */
const portionPages = 128n

interface Portion {
  readonly olderThanMs: number
  /** A page of the table. */
  readonly from: bigint
}

interface Forgotten {
  readonly forgotten: number
  readonly next: bigint | undefined
}

interface Table {
  readonly name: string
  /** What is old enough to go, of a row `one`; `$3` is how old, in milliseconds. */
  readonly isOld: (schema: string) => string
  /** A part of the statement that goes before, ending with a comma. */
  readonly before?: (schema: string) => string
}

const age = 'now() - make_interval(secs => $3::float8 / 1000)'
const byAge = (name: string): Table => ({ name, isOld: () => `one.at < ${age}` })
/** The pages of this portion. */
const inPortion = 'one.ctid >= $1::tid AND one.ctid < $2::tid'

const tables: Readonly<Record<Forgettable, Table>> = {
  inbox: byAge('inbox'),
  answers: byAge('answer'),
  performed: byAge('performed'),
  actions: byAge('operator_action'),
  deadLetters: {
    name: 'dead_letter',
    // Those that were closed before anybody noted when, or by older code.
    before: (schema) => `noted AS (
        UPDATE ${schema}.dead_letter AS one SET closed_at = now()
        WHERE ${inPortion} AND one.state <> 'open' AND one.closed_at IS NULL AND (SELECT is_mine FROM turn)
      ), `,
    isOld: (schema) => `one.state <> 'open' AND one.closed_at < ${age} AND NOT EXISTS (
            SELECT FROM ${schema}.parked_event AS again WHERE again.topic = one.topic
              AND again.partition = one.partition AND again.record_offset = one.record_offset)`,
  },
}

/**
 * Deletes what is old from some pages of a table. It walks through the table as it lies on the disk, so
 * that no index by age has to be kept by everybody who writes.
 */
export function forgetOld(what: Forgettable): Statement<Portion, Forgotten> {
  const { name, isOld, before = () => '' } = tables[what]
  return {
    name: `forget-old-${name}`,
    text: (schema) => `
      WITH turn AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(hashtextextended('troupe forgets ${schema}.${name}', 0)) AS is_mine
      ), ${before(schema)}gone AS (
        DELETE FROM ${schema}.${name} AS one
        WHERE ${inPortion} AND ${isOld(schema)} AND (SELECT is_mine FROM turn)
        RETURNING 1
      )
      SELECT (SELECT count(*) FROM gone),
        CASE WHEN $4::bigint * current_setting('block_size')::bigint < pg_relation_size('${schema}.${name}')
          THEN $4::bigint END`,
    parameters: ({ olderThanMs, from }) => [
      `(${from},0)`,
      `(${from + portionPages},0)`,
      String(olderThanMs),
      String(from + portionPages),
    ],
    row: ([forgotten, next]) => ({
      forgotten: Number(forgotten),
      next: next === null || next === undefined ? undefined : BigInt(next),
    }),
  }
}
