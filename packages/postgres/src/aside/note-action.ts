import type { OperatorAction, StoredOperatorAction } from '@troupe/core'
import { type Parameter, text } from '../wire/parameters.ts'

/** How many names an action keeps. */
const namesMax = 100

/**
 * A part of a statement that keeps what a person did beside what it did, unless it did nothing; `$1` and `$2` are by
 * whom and why.
 *
 * @param from rows with a `name`
 * @param count what is counted
 */
export function noting(
  schema: string,
  did: StoredOperatorAction['did'],
  from: string,
  count: string,
): string {
  return `
    INSERT INTO ${schema}.operator_action (by, reason, did, count, names)
    SELECT $1::text, $2::text, '${did}', ${count}, coalesce(
      (SELECT json_agg(name) FROM (SELECT name FROM ${from} LIMIT ${namesMax}) AS first), '[]'::json)
    WHERE ${count} > 0`
}

export function actionParameters({ by, reason }: OperatorAction): readonly Parameter[] {
  return [text(by, 'name'), text(reason, 'reason')]
}
