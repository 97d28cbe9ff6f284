import { isTroupeError, TroupeError } from '@troupe/core'
import { Client } from 'pg'
import { type Address, ledgerError } from '../database-error.ts'
import { type LedgerSettings, quoted } from '../settings.ts'
import { connectionSettings } from '../wire/connections.ts'
import { checksumOf, type Migration } from './migration.ts'
import { migrations } from './migrations.ts'

/** Waiting for another instance's migration, or for one of our own, may take this long. */
const migrationTimeoutMs = 600_000

interface Applied {
  readonly number: number
  readonly name: string
  readonly checksum: string
}

/** Whose form it is, and where it is recorded which migrations have made it. */
export interface Migrated {
  readonly schema: string
  /** Of the record, in that schema. */
  readonly table: string
  /** What it is, for messages. */
  readonly what: string
  /** What an error of the database means. */
  readonly errorOf: (error: unknown, during: string, address: Address) => unknown
}

function asLedger({ schema }: LedgerSettings): Migrated {
  return { schema, table: 'migration', what: 'ledger', errorOf: ledgerError }
}

/**
 * Brings the schema of the ledger, or of the service's own tables, to the newest of `known`, all of it in one
 * transaction. Of several instances that start together one does the work and the others wait for it.
 *
 * @throws TroupeError `TROUPE_LEDGER_NEWER`, `TROUPE_LEDGER_ALTERED`, `TROUPE_SETTING_INVALID` for an encoding
 *   other than UTF-8, `TROUPE_DATABASE_UNREACHABLE`
 */
export async function migrate(
  settings: LedgerSettings,
  known: readonly Migration[] = migrations,
  migrated: Migrated = asLedger(settings),
): Promise<void> {
  const client = new Client({
    ...connectionSettings({ ...settings, statementTimeoutMs: migrationTimeoutMs }),
    query_timeout: migrationTimeoutMs,
  })
  // A connection that breaks fails the query that is under way; the event only must not be fatal.
  client.on('error', () => {})
  let during = 'connecting'
  try {
    await client.connect()
    during = 'migrating'
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `troupe ${migrated.what} ${migrated.schema}`,
    ])
    await refuseOtherEncodings(client, settings)
    const applied = await appliedIn(client, migrated)
    const pending = pendingOf(known, applied, migrated, settings.address)
    for (const migration of pending) {
      during = `migration ${fileOf(migration)}`
      await apply(client, migration, migrated)
      settings.log.info(
        { ...settings.address, schema: migrated.schema, migration: fileOf(migration) },
        `migrated the ${migrated.what}`,
      )
    }
    during = 'committing migrations'
    await client.query('COMMIT')
  } catch (error) {
    throw isTroupeError(error) ? error : migrated.errorOf(error, during, settings.address)
  } finally {
    await client.end().catch(() => {})
  }
}

/** In any other encoding there are characters that cannot be stored, and no telling when one comes. */
async function refuseOtherEncodings(client: Client, { address }: LedgerSettings): Promise<void> {
  const { rows } = await client.query<{ server_encoding: string }>('SHOW server_encoding')
  const encoding = rows[0]?.server_encoding
  if (encoding === 'UTF8') return
  throw new TroupeError(
    'TROUPE_SETTING_INVALID',
    `The database ${address.database} at ${address.host}:${address.port} is encoded in ${encoding}, which cannot hold every text. Create it with ENCODING 'UTF8'.`,
    { details: { ...address, encoding } },
  )
}

async function appliedIn(client: Client, { schema, table }: Migrated): Promise<readonly Applied[]> {
  const { rows } = await client.query<{ found: string | null }>('SELECT to_regclass($1) AS found', [
    `${quoted(schema)}.${table}`,
  ])
  if (!rows[0]?.found) return []
  const applied = await client.query<Applied>(
    `SELECT number, name, checksum FROM ${quoted(schema)}.${table} ORDER BY number`,
  )
  return applied.rows
}

/** What is still to be applied, once what is there was made by exactly the migrations that this code knows. */
function pendingOf(
  known: readonly Migration[],
  applied: readonly Applied[],
  { schema, what }: Migrated,
  address: LedgerSettings['address'],
): readonly Migration[] {
  const place = `The ${what} in schema ${schema} of ${address.host}:${address.port}/${address.database}`
  const found = applied.at(-1)?.number ?? 0
  const newest = known.at(-1)?.number ?? 0
  if (found > newest) {
    throw new TroupeError(
      'TROUPE_LEDGER_NEWER',
      `${place} has version ${found}; this code knows version ${newest}. Deploy a release that is at least as new as the one that migrated it.`,
      { details: { ...address, schema, found, known: newest } },
    )
  }
  for (const [index, migration] of known.slice(0, found).entries()) {
    const before = applied[index]
    if (before?.number === migration.number && before.checksum === checksumOf(migration)) continue
    throw new TroupeError(
      'TROUPE_LEDGER_ALTERED',
      `${place} was not made by migration ${fileOf(migration)} as this code has it${before ? '' : ', which it has no record of'}. Restore the migration's text: what was released is changed by a new migration only.`,
      { details: { ...address, schema, migration: fileOf(migration) } },
    )
  }
  return known.slice(found)
}

async function apply(client: Client, migration: Migration, { schema, table }: Migrated): Promise<void> {
  // Asked for first: IF NOT EXISTS wants the right to create even where there is nothing to be created.
  const { rows } = await client.query<{ found: string | null }>('SELECT to_regnamespace($1) AS found', [
    quoted(schema),
  ])
  if (!rows[0]?.found) await client.query(`CREATE SCHEMA ${quoted(schema)}`)
  await client.query(`
    CREATE TABLE IF NOT EXISTS ${quoted(schema)}.${table} (
      number int PRIMARY KEY,
      name text NOT NULL,
      checksum text NOT NULL,
      at timestamptz NOT NULL DEFAULT now()
    )`)
  await client.query(migration.sql(quoted(schema)))
  await client.query(`INSERT INTO ${quoted(schema)}.${table} (number, name, checksum) VALUES ($1, $2, $3)`, [
    migration.number,
    migration.name,
    checksumOf(migration),
  ])
}

function fileOf({ number, name }: Pick<Migration, 'number' | 'name'>): string {
  return `${String(number).padStart(4, '0')}-${name}`
}
