import { createDatabaseAt, dropDatabaseAt, type EmbeddedPostgres, startPostgres } from '@troupe/embedded'
import type { Ledger, Log } from '@troupe/core'
import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { postgresLedger, type PostgresLedgerOptions } from './postgres-ledger.ts'

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** A schema of its own in the database that the tests of one file share. */
export interface Store {
  readonly url: string
  readonly schema: string
  /** Closed by whoever opens it. */
  readonly open: (options?: Partial<PostgresLedgerOptions>) => Ledger
}

export interface Stores {
  readonly server: Server
  /** The name of the ledgers' database. */
  readonly database: string
  make(): Store
  /** Runs one statement beside any ledger, as the ledgers' own role. */
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>
  stop(): Promise<void>
}

type Server = Pick<EmbeddedPostgres, 'url' | 'createDatabase' | 'stop'>

/** A server that somebody else runs, where `TROUPE_STACK` says so: names there have to be our own. */
function externalServer(url: string): Server {
  const made: string[] = []
  return {
    url,
    createDatabase(options) {
      made.push(options.name)
      return createDatabaseAt(url, options)
    },
    async stop() {
      for (const name of made) await dropDatabaseAt(url, { name })
    },
  }
}

/** A real PostgreSQL for one test file. */
export async function startStores(): Promise<Stores> {
  const { TROUPE_STACK: stack, TROUPE_EXTERNAL_POSTGRES: external } = process.env
  const isExternal = stack === 'external' && external !== undefined
  const server = isExternal ? externalServer(external) : await startPostgres({ fsync: false })
  const database = isExternal ? `ledger_${randomUUID().slice(0, 8)}` : 'ledger'
  const url = await server.createDatabase({ name: database })
  let made = 0
  return {
    server,
    database,
    make() {
      made += 1
      const schema = `store_${made}`
      return {
        url,
        schema,
        open: (options) => postgresLedger({ url, schema, connectionsMax: 4, log: silentLog, ...options }),
      }
    },
    async query<Row extends object>(text: string, values: unknown[] = []) {
      const client = new Client({ connectionString: url })
      await client.connect()
      try {
        return (await client.query<Row>(text, values)).rows
      } finally {
        await client.end()
      }
    },
    stop: () => server.stop(),
  }
}

const patienceMs = 60_000

/** Asks until there is an answer. */
export async function until<Answer>(
  ask: () => Answer | undefined | false | Promise<Answer | undefined | false>,
): Promise<Answer> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > deadline)
      throw new Error(`It did not come within ${patienceMs} ms: ${ask.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
