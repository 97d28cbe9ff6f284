import { type Log, messageOf, TroupeError } from '@troupe/core'
import { Client } from 'pg'
import type { Address } from './database-error.ts'

/** The ledger's options, checked and complete. */
export interface LedgerSettings {
  readonly url: string
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
  readonly connectionsMax?: number
  readonly schema?: string
  readonly statementTimeoutMs?: number
  readonly log: Log
}

/** @throws TroupeError `TROUPE_SETTING_INVALID`, which never shows the URL: there is a password in it. */
export function settingsOf({
  url,
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
  return { url, address: addressOf(url), schema, connectionsMax, statementTimeoutMs, log }
}

function addressOf(url: string): Address {
  if (!/^postgres(ql)?:\/\//.test(url)) throw invalidUrl('it does not start with postgres://')
  try {
    const { host, port, database } = new Client({ connectionString: url })
    if (!database) throw new Error('it names no database')
    return { host, port, database }
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
