import type { OperatorAction, StoredOperatorAction } from '@troupe/core'
import { type Parameter, text } from '../wire/parameters.ts'

/**
 * A part of a statement that keeps what a person did beside what it did, unless it did nothing; `$1` to `$3`
 * are {@link actionParameters}.
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
    INSERT INTO ${schema}.operator_action (by, reason, command, did, count, names)
    SELECT $1::text, $2::text, $3::text, '${did}', ${count}, coalesce((SELECT json_agg(name) FROM ${from}), '[]'::json)
    WHERE ${count} > 0`
}

/** By whom, why, and of which command: three parameters. */
export function actionParameters({ by, reason, command }: OperatorAction): readonly Parameter[] {
  return [text(by, 'name'), text(reason, 'reason'), command === undefined ? null : text(command, 'command')]
}
