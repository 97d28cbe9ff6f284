import { Client, escapeIdentifier, escapeLiteral } from 'pg'
import { EmbeddedError, systemCodeOf } from '../embedded-error.ts'
import { randomPassword, scramVerifier } from './scram.ts'
import { connectHost } from './settings.ts'
import { superuser } from './template.ts'

/** SQLSTATE invalid_password. */
const wrongPassword = '28P01'

export interface DatabaseOptions {
  /** The database's name. */
  name: string
  /** The role that owns it; the database's name unless given. */
  user?: string
  /** The role's password; a random one unless given. Printable ASCII. */
  password?: string
}

/** Where a server listens. */
export interface Address {
  host: string
  port: number
}

export interface Credentials {
  user: string
  password: string
  database: string
}

/** A connection URL as pg, libpq and JDBC-less tools understand it. */
export function connectionUrl({ host, port }: Address, { user, password, database }: Credentials): string {
  const reachable = connectHost(host)
  const bracketed = reachable.includes(':') ? `[${reachable}]` : reachable
  const [name, secret, path] = [user, password, database].map(encodeURIComponent)
  return `postgresql://${name}:${secret}@${bracketed}:${port}/${path}`
}

/**
 * Makes the superuser's password `password`, trying each of `known` to get in, and shuts the built-in
 * databases to everybody else.
 */
export async function takeOver(address: Address, known: readonly string[], password: string): Promise<void> {
  const verifier = await scramVerifier(password)
  const client = await connectWithAny(address, known)
  try {
    await client.query(
      `ALTER ROLE ${superuser} PASSWORD ${escapeLiteral(verifier)};
       REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC`,
    )
  } finally {
    await client.end()
  }
}

/**
 * Makes a role and a database of its own that no other role can connect to. Where they exist already
 * they are kept, and the password is set anew.
 * @returns the database's URL.
 * @throws EmbeddedError BAD_OPTION
 */
export async function createDatabase(
  address: Address,
  superuserPassword: string,
  options: DatabaseOptions,
): Promise<string> {
  const checked = checkOptions(options)
  const client = await connectWithAny(address, [superuserPassword])
  try {
    // Copying the template's files takes half the time of logging every page of them.
    await makeDatabase(client, checked, 'STRATEGY file_copy')
  } finally {
    await client.end()
  }
  return connectionUrl(address, { ...checked, database: checked.name })
}

/**
 * The same on a server that runs elsewhere, as a role that may create roles and databases.
 * @param adminUrl that role's URL, such as `postgres://postgres:secret@localhost:5432/postgres`
 * @returns the database's URL, with the parameters of `adminUrl`.
 * @throws EmbeddedError BAD_OPTION; what pg throws where the server cannot be worked with.
 */
export async function createDatabaseAt(adminUrl: string, options: DatabaseOptions): Promise<string> {
  const checked = checkOptions(options)
  await asAdmin(adminUrl, (client) => makeDatabase(client, checked, ''))
  const url = new URL(adminUrl)
  url.username = encodeURIComponent(checked.user)
  url.password = encodeURIComponent(checked.password)
  url.pathname = `/${encodeURIComponent(checked.name)}`
  return url.href
}

/** Drops what {@link createDatabaseAt} made: the database, whoever is connected to it, and its role. */
export async function dropDatabaseAt(
  adminUrl: string,
  { name, user = name }: Pick<DatabaseOptions, 'name' | 'user'>,
): Promise<void> {
  await asAdmin(adminUrl, async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`)
    await client.query(`DROP ROLE IF EXISTS ${escapeIdentifier(user)}`)
  })
}

async function asAdmin(adminUrl: string, act: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: adminUrl, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await act(client)
  } finally {
    await client.end().catch(() => {})
  }
}

function checkOptions({
  name,
  user = name,
  password = randomPassword(),
}: DatabaseOptions): Required<DatabaseOptions> {
  checkName('name', name, ['postgres', 'template0', 'template1'])
  checkName('user', user, [superuser, 'public', 'none'])
  if (!/^[\x21-\x7e]{1,256}$/.test(password)) {
    throw new EmbeddedError(
      'BAD_OPTION',
      `The password of ${user} must be 1 to 256 printable ASCII characters.`,
    )
  }
  return { name, user, password }
}

async function makeDatabase(
  client: Client,
  { name, user, password }: Required<DatabaseOptions>,
  strategy: string,
): Promise<void> {
  const verifier = await scramVerifier(password)
  const [database, role] = [escapeIdentifier(name), escapeIdentifier(user)]
  // Calls for the same names wait for each other (until this session ends), others run side by side.
  // Everybody takes the database's lock before the role's, so nobody waits in a circle.
  await client.query('SELECT pg_advisory_lock(1, hashtext($1))', [name])
  await client.query('SELECT pg_advisory_lock(2, hashtext($1))', [user])
  const known = await client.query<{ role: boolean; database: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS role,
            EXISTS (SELECT FROM pg_database WHERE datname = $2) AS database`,
    [user, name],
  )
  const exists = known.rows[0]
  const verb = exists?.role ? 'ALTER' : 'CREATE'
  await client.query(`${verb} ROLE ${role} LOGIN PASSWORD ${escapeLiteral(verifier)}`)
  if (!exists?.database) {
    await client.query(`CREATE DATABASE ${database} OWNER ${role} ${strategy}`)
  }
  await client.query(
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC; GRANT ALL ON DATABASE ${database} TO ${role}`,
  )
}

async function connectWithAny(address: Address, passwords: readonly string[]): Promise<Client> {
  let failure: unknown
  for (const password of passwords) {
    const client = new Client({
      host: connectHost(address.host),
      port: address.port,
      user: superuser,
      password,
      database: 'postgres',
      // Whatever PGSSLMODE says: this server has no TLS, and is on this machine.
      ssl: false,
      connectionTimeoutMillis: 10_000,
    })
    try {
      await client.connect()
      // A server that ends under the connection is reported by whoever awaits the query.
      client.on('error', () => {})
      return client
    } catch (error) {
      failure = error
      await client.end().catch(() => {})
      if (systemCodeOf(error) !== wrongPassword) break
    }
  }
  throw failure
}

function checkName(what: string, value: string, reserved: readonly string[]): void {
  const isReserved = reserved.includes(value) || value.startsWith('pg_')
  if (value === '' || Buffer.byteLength(value) > 63 || value.includes('\0') || isReserved) {
    throw new EmbeddedError(
      'BAD_OPTION',
      `createDatabase: ${what} ${JSON.stringify(value)} cannot be used. ` +
        `Take 1 to 63 bytes, not starting with pg_ and not one of ${reserved.join(', ')}.`,
    )
  }
}
