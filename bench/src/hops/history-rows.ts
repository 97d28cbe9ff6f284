import { queryAt } from '@troupe/embedded'
import { Client } from 'pg'

/** Each adds rows of these names, like one that the service itself has written. */
const statements: readonly string[] = [
  `INSERT INTO troupe.inbox (source, id, type, saga, outcome)
   SELECT source, name, type, name, outcome
   FROM (SELECT * FROM troupe.inbox LIMIT 1) AS one, unnest($1::text[]) AS name`,
  `INSERT INTO troupe.document (kind, key, version, state)
   SELECT kind, name, version, state FROM (SELECT * FROM troupe.document LIMIT 1) AS one, unnest($1::text[]) AS name`,
  `INSERT INTO troupe.step (saga, step, state, done, touched)
   SELECT name, step, state, done, json_build_array(json_build_array(touched -> 0 ->> 0, name))
   FROM (SELECT * FROM troupe.step LIMIT 1) AS one, unnest($1::text[]) AS name`,
  `INSERT INTO troupe.outbox (id, lane, topic, key, key_is_text, headers, value)
   SELECT name, 'history/0', 'history', name::bytea, true, '{}', done
   FROM (SELECT done FROM troupe.step LIMIT 1) AS one, unnest($1::text[]) AS name`,
  `DELETE FROM troupe.outbox WHERE id = ANY ($1::text[])`,
]

/** Rows that are written in one transaction, in the order of their names: ten times faster than as they come. */
const portionRows = 100_000
/** How far one event of the history is from the next. */
const intervalMs = 10

export interface History {
  readonly rows: number
  /** An id that was made at this time. */
  readonly newId: (atMs: number) => string
  readonly signal: AbortSignal
  readonly note: (text: string) => void
}

/**
 * What a ledger looks like after so many hops: as many rows more in its inbox, documents and steps, an outbox
 * through which as many records have gone, and what autovacuum does by and by. The service has settled
 * something, and rests.
 *
 * @param adminUrl a superuser's, to the service's database
 */
export async function addHistory(adminUrl: string, { rows, newId, signal, note }: History): Promise<void> {
  const client = new Client({ connectionString: adminUrl })
  await client.connect()
  try {
    const sinceMs = Date.now() - rows * intervalMs
    for (let made = 0; made < rows; made += portionRows) {
      signal.throwIfAborted()
      const names = Array.from({ length: Math.min(portionRows, rows - made) }, (_, n) =>
        newId(sinceMs + (made + n) * intervalMs),
      )
      for (const statement of statements) await client.query(statement, [names.toSorted()])
      note(`${made + names.length} rows of history`)
    }
    await client.query('VACUUM (ANALYZE) troupe.inbox, troupe.document, troupe.step, troupe.outbox')
  } finally {
    await client.end()
  }
}

/** Writes what is in memory to disk: from now on, each page is logged whole when it is changed first. */
export async function checkpoint(adminUrl: string): Promise<void> {
  await queryAt(adminUrl, 'CHECKPOINT')
}

/** How much the server has logged since it was made, in KiB. */
export async function writtenAheadKiB(adminUrl: string): Promise<number> {
  const [row] = await queryAt<{ kib: string }>(
    adminUrl,
    `SELECT (pg_current_wal_insert_lsn() - '0/0') / 1024 AS kib`,
  )
  return Number(row?.kib)
}
