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

const tables: Readonly<Record<Forgettable, string>> = {
  inbox: 'inbox',
  answers: 'answer',
  performed: 'performed',
}

/**
 * Deletes what is old from some pages of a table. It walks through the table as it lies on the disk, so
 * that no index by age has to be kept by everybody who writes.
 */
export function forgetOld(what: Forgettable): Statement<Portion, Forgotten> {
  const name = tables[what]
  return {
    name: `forget-old-${name}`,
    text: (schema) => `
      WITH turn AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(hashtextextended('troupe forgets ${schema}.${name}', 0)) AS is_mine
      ), gone AS (
        DELETE FROM ${schema}.${name}
        WHERE ctid >= $1::tid AND ctid < $2::tid
          AND at < now() - make_interval(secs => $3::float8 / 1000) AND (SELECT is_mine FROM turn)
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
