import { Client } from 'pg'

/**
 * Runs statements one after the other over a connection of their own, for tests that look into a
 * database or cause it trouble.
 *
 * @param url a database's URL, or a server's for what only its superuser may do
 * @returns the rows of the last one
 * @throws what PostgreSQL says
 */
export async function queryAt<Row extends object = object>(
  url: string,
  ...statements: readonly string[]
): Promise<readonly Row[]> {
  const client = new Client({ connectionString: url })
  // One that ends the connection fails with it; the event only must not be fatal.
  client.on('error', () => {})
  await client.connect()
  try {
    let rows: readonly Row[] = []
    for (const statement of statements) rows = (await client.query<Row>(statement)).rows
    return rows
  } finally {
    await client.end()
  }
}
