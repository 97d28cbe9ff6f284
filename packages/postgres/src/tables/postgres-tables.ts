// A service's own tables: transactions that end with the ledger's settlement, and reading beside them.
//
// The connections are apart from the ledger's, so that a service's own SQL is planned as PostgreSQL sees fit, has
// limits of its own, and holds up neither recalls nor the settlements of pure reactions.

import { messageOf, type Tables, TroupeError } from '@troupe/core'
import { Pool } from 'pg'
import { type Address, ownError, troubleOfOwn } from '../database-error.ts'
import type { Stored } from '../explain-refusal.ts'
import { migrate } from '../migrations/migrate.ts'
import type { PostgresLedgerOptions } from '../postgres-ledger.ts'
import { type LedgerSettings, quoted, settingsOf } from '../settings.ts'
import { answerGraceMs, connectTimeoutMsMax, withOptions } from '../wire/connections.ts'
import { ask, sqlOf } from './own-sql.ts'
import { createSlots } from './slots.ts'
import { createStatementNames } from './statement-names.ts'
import { openTransaction } from './table-transaction.ts'

export interface PostgresTablesOptions extends Omit<PostgresLedgerOptions, 'statementTimeoutMs'> {
  /** In which schema the tables are: the service's name. */
  readonly name: string
  /** How long one statement may take, and wait for a lock for a third of it. */
  readonly statementTimeoutMs: number
  /** The ledger in the same schema: says what a refused settlement ran into. */
  readonly ledger: Stored
}

/** A service's {@link Tables} in the database of its ledger. @throws TroupeError `TROUPE_SETTING_INVALID` */
export function postgresTables({ name, ledger, ...options }: PostgresTablesOptions): Tables {
  const settings = settingsOf(options)
  if (name === settings.schema) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `The tables of ${name} would be in the schema of its ledger. Give the service another name.`,
      { details: { schema: name } },
    )
  }
  const { address, connectionsMax, log, statementTimeoutMs } = settings
  const writing = poolOf(name, settings, [])
  const reading = poolOf(name, settings, ['default_transaction_read_only=on'], {
    query_timeout: statementTimeoutMs + answerGraceMs,
  })
  const takeSlot = createSlots(connectionsMax)
  const names = createStatementNames()

  return {
    migrate: (migrations) =>
      migrate(
        settings,
        migrations.map((one, place) => ({ number: place + 1, name: one.name, sql: inSchema(one.sql) })),
        { schema: name, table: 'troupe_migration', what: `tables of ${name}`, errorOf: migrationError },
      ),
    open: () =>
      openTransaction({
        pool: writing,
        takeSlot,
        address,
        schema: quoted(settings.schema),
        statementTimeoutMs,
        names,
        stored: ledger,
        onLate: (unit) =>
          log.warn(
            { unit },
            `${unit} asked for SQL after it had ended; it got none. Await all that it does.`,
          ),
      }),
    read: sqlOf(async (statement) => {
      try {
        return await ask(reading, statement)
      } catch (error) {
        throw ownError(error, 'reading', address)
      }
    }),
    async close() {
      await Promise.all([writing.end(), reading.end()])
    },
  }
}

const inSchema = (sql: string) => (schema: string) => `SET LOCAL search_path TO ${schema}, public;\n${sql}`

function migrationError(error: unknown, during: string, address: Address): unknown {
  if (troubleOfOwn(error) !== 'bug') return ownError(error, during, address)
  return new TroupeError(
    'TROUPE_DECLARATION_INVALID',
    `The database refuses ${during} of the service's own tables: ${messageOf(error)}. Nothing of it was done; correct its SQL.`,
    { cause: error },
  )
}

function poolOf(
  name: string,
  settings: LedgerSettings,
  more: readonly string[],
  limits: { readonly query_timeout?: number } = {},
): Pool {
  const { address, connectionsMax, log, statementTimeoutMs, tls, url } = settings
  const session = [
    `search_path=${quoted(name)},public`,
    // Before the statement is given up: who waits for a lock that long is told what it waited for.
    `lock_timeout=${Math.ceil(statementTimeoutMs / 3)}`,
    // A process that sleeps must not hold its rows for ever.
    `idle_in_transaction_session_timeout=${statementTimeoutMs + answerGraceMs}`,
    'default_transaction_isolation=read\\ committed',
    ...more,
  ]
  const pool = new Pool({
    connectionString: withOptions(url, session),
    ...(tls ? { ssl: { ca: tls.ca } } : {}),
    application_name: `troupe ${name}`,
    connectionTimeoutMillis: connectTimeoutMsMax,
    statement_timeout: statementTimeoutMs,
    ...limits,
    keepAlive: true,
    max: connectionsMax,
    idleTimeoutMillis: 60_000,
  })
  pool.on('error', (error) => {
    log.warn({ ...address, error: messageOf(error) }, 'lost an idle connection to PostgreSQL')
  })
  // A connection that breaks fails what is under way on it; the event only must not be fatal.
  pool.on('connect', (client) => void client.on('error', () => {}))
  return pool
}
