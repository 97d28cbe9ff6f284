// A service's own SQL on one connection of pg's.

import type { Sql, SqlRows, SqlValue } from '@troupe/core'
import type { ClientBase, QueryConfig } from 'pg'
import { checked, fromTemplate, type SqlText } from './sql-text.ts'

/**
 * One statement, as it is sent: always as a message of its own, which holds no second one, whatever its values.
 *
 * @param name under which the connection remembers it, if it is to
 */
export async function ask(
  client: Pick<ClientBase, 'query'>,
  { text, values }: SqlText,
  name?: string,
): Promise<SqlRows<object>> {
  // `queryMode` is missing in pg's types.
  const config: QueryConfig & { readonly queryMode: 'extended' } = {
    text,
    values: [...values],
    queryMode: 'extended',
    ...(name === undefined ? {} : { name }),
  }
  const { rows, rowCount } = await client.query<object>(config)
  // Not enumerable: rows are compared, and printed, as rows.
  Object.defineProperty(rows, 'count', { value: rowCount ?? 0 })
  return rows as unknown as SqlRows<object>
}

/** The function that a service gets, around however a statement is run. */
export function sqlOf(run: (statement: SqlText) => Promise<SqlRows<object>>): Sql {
  // Asked for at once, so that whoever ends without waiting for it is found out.
  const attempt = (statement: () => SqlText): Promise<SqlRows<never>> => {
    const answer = asked(run, statement)
    // Who does not wait for it must not end the process by it: the unit itself says that it was not waited for.
    answer.catch(() => {})
    return answer as Promise<SqlRows<never>>
  }
  const sql = (texts: TemplateStringsArray, ...values: readonly SqlValue[]) =>
    attempt(() => fromTemplate(texts, values))
  return Object.assign(sql, {
    query: (text: string, values: readonly SqlValue[] = []) => attempt(() => checked(text, values)),
  })
}

async function asked(
  run: (statement: SqlText) => Promise<SqlRows<object>>,
  statement: () => SqlText,
): Promise<SqlRows<object>> {
  return run(statement())
}
