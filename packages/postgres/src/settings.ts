import { type Log, messageOf, TroupeError } from '@troupe/core'
import { Client } from 'pg'
import type { Address } from './database-error.ts'

/** The ledger's options, checked and complete. */
export interface LedgerSettings {
  readonly url: string
  /** Undefined: whatever the URL says. */
  readonly tls: { readonly ca: string } | undefined
  readonly address: Address
  readonly schema: string
  readonly connectionsMax: number
  readonly statementTimeoutMs: number
  readonly log: Log
}

export const connectionsMaxMax = 100
export const statementTimeoutMsMax = 600_000

interface Given {
  readonly url: string
  readonly ca?: string
  readonly connectionsMax?: number
  readonly schema?: string
  readonly statementTimeoutMs?: number
  readonly log: Log
}

/** @throws TroupeError `TROUPE_SETTING_INVALID`, which never shows the URL: there is a password in it. */
export function settingsOf({
  url,
  ca,
  connectionsMax = 4,
  schema = 'troupe',
  statementTimeoutMs = 30_000,
  log,
}: Given): LedgerSettings {
  // The one thing that is spliced into statements.
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema) || schema.startsWith('pg_')) {
    throw invalid(
      'schema',
      schema,
      'Use lower-case letters, digits and underscores, not starting with "pg_".',
    )
  }
  refuseOutside('connectionsMax', connectionsMax, connectionsMaxMax)
  refuseOutside('statementTimeoutMs', statementTimeoutMs, statementTimeoutMsMax)
  const secured = ca === undefined ? { url, tls: undefined } : { url: withoutTls(url), tls: { ca } }
  return { ...secured, address: addressOf(secured.url), schema, connectionsMax, statementTimeoutMs, log }
}

const tlsParameters = ['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'uselibpqcompat']

/**
 * What the URL says of TLS wins over all other settings of pg, so that it has to go where an authority is
 * given beside it.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID` where the two contradict each other: an authority that is given
 *   and not asked would be believed to protect.
 */
function withoutTls(url: string): string {
  const [base = '', query = ''] = url.split('?', 2)
  const parameters = new URLSearchParams(query)
  const sslmode = parameters.get('sslmode') ?? 'verify-full'
  const other = ['ssl', 'sslrootcert', 'sslcert', 'sslkey'].find((name) => parameters.has(name))
  if (other !== undefined)
    throw invalidUrl(`it has the parameter ${other}, and an authority's certificate is given beside it`)
  if (!['require', 'verify-ca', 'verify-full'].includes(sslmode)) {
    throw invalidUrl(
      `an authority's certificate is given, which sslmode=${sslmode} would not use. Say sslmode=verify-full`,
    )
  }
  for (const name of tlsParameters) parameters.delete(name)
  return parameters.size === 0 ? base : `${base}?${parameters.toString()}`
}

function addressOf(url: string): Address {
  if (!/^postgres(ql)?:\/\//.test(url)) throw invalidUrl('it does not start with postgres://')
  try {
    const { host, port, database, user } = new Client({ connectionString: url })
    if (!database) throw new Error('it names no database')
    return { host, port, database, user: user ?? '' }
  } catch (cause) {
    throw invalidUrl(messageOf(cause).replaceAll(url, '(the URL)'))
  }
}

function invalidUrl(why: string): TroupeError {
  return new TroupeError(
    'TROUPE_SETTING_INVALID',
    `The database's URL cannot be used: ${why}. Give it as postgres://user:password@host:port/database.`,
    { details: { setting: 'url' } },
  )
}

function refuseOutside(setting: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return
  throw invalid(setting, value, `Use a whole number from 1 to ${max}.`)
}

function invalid(setting: string, value: string | number, advice: string): TroupeError {
  return new TroupeError(
    'TROUPE_SETTING_INVALID',
    `The ledger's ${setting} cannot be ${JSON.stringify(value)}. ${advice}`,
    {
      details: { setting, value },
    },
  )
}

/** Spliced into statements, so that a schema may be called `user`. Its characters were checked before. */
export function quoted(schema: string): string {
  return `"${schema}"`
}
