import { messageOf, TroupeError } from '@troupe/core'

/**
 * What an error of the database means for the work that met it.
 *
 * - `unreachable`: nothing is said about the work; it is tried again when the database is back.
 * - `full`: the same, but a person has to make room first; nothing was written.
 * - `denied`: the same, but a person has to change a password or grant a right first.
 * - `conflict`: another transaction was faster; nothing was written.
 * - `fenced`: the partition has another owner, or its position moved; nothing was written.
 * - `bug`: this very work cannot succeed, however often it is tried.
 */
export type Trouble = 'unreachable' | 'full' | 'denied' | 'conflict' | 'fenced' | 'bug'

/** SQLSTATEs of `refuse`, the ledger's own function: class `TR` is free for users. */
export const refusal = { fenced: 'TR001', conflict: 'TR002' } as const

/** By SQLSTATE, or else by its class (the first two characters). What is not listed is a bug. */
const troubleBySqlState: Readonly<Record<string, Trouble>> = {
  [refusal.fenced]: 'fenced',
  [refusal.conflict]: 'conflict',
  // Another transaction was faster.
  '23505': 'conflict', // unique_violation; on the outbox it is a bug, see `troubleOf`
  '40001': 'conflict', // serialization_failure
  '40P01': 'conflict', // deadlock_detected
  '55P03': 'conflict', // lock_not_available
  // The server or the ledger in it cannot be used now, whatever is written: our statements are always
  // the same, so an error that is not about their values is never the work's fault.
  '08': 'unreachable', // connection exceptions
  '0A': 'unreachable', // a plan that no longer fits the table: another connection makes a new one
  '25': 'unreachable', // a standby, until the failover is through; transactions that were timed out
  '26000': 'unreachable', // somebody between us and the server dropped our prepared statements
  '28': 'denied', // the password or pg_hba.conf refuses us
  '3D': 'unreachable', // no such database (yet, or while it is restored)
  '3F': 'unreachable', // no such schema
  '40003': 'unreachable', // statement_completion_unknown
  '42': 'unreachable', // tables missing
  '42501': 'denied', // insufficient_privilege: never granted, or revoked
  '53': 'unreachable', // out of memory, too many connections
  '53100': 'full', // disk_full
  '55': 'unreachable', // connections are not allowed, an object is in use
  '57': 'unreachable', // shut down, starting up, statement timeout, backend terminated
  '58': 'unreachable', // I/O errors
  XX: 'unreachable', // internal errors, corrupted data or indexes
}

/** What a database error carries, of pg's many fields. */
interface ServerError extends Error {
  readonly code: string
  readonly severity: string
  readonly table?: string
  readonly routine?: string
}

/** Where the ledger is, for people: never the password. */
export interface Address {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

/** True if the server itself said it, so that the connection is still in step. */
function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string'
}

/** The verdict on an error that came up while talking to the database. */
export function troubleOf(error: unknown): Trouble {
  // No answer from the server: refused, reset, timed out, name not found. All of it is the network's.
  if (!isServerError(error)) return 'unreachable'
  if (error.code === '23505' && error.table === 'outbox') return 'bug'
  return troubleBySqlState[error.code] ?? troubleBySqlState[error.code.slice(0, 2)] ?? 'bug'
}

/**
 * The same for SQL that is not the ledger's. Its texts and its values are its author's, so that whatever the
 * server says of them is the work's own fault, and only what it says of itself is not.
 */
const troubleOfOwnBySqlState: Readonly<Record<string, Trouble>> = {
  '40001': 'conflict',
  '40P01': 'conflict',
  '55P03': 'conflict', // somebody held the lock for too long
  '08': 'unreachable',
  '25006': 'unreachable', // a standby, until the failover is through
  '25P03': 'unreachable', // the process was asleep for longer than a transaction may idle
  '26000': 'unreachable', // somebody between us and the server dropped our prepared statements
  '28': 'denied',
  '40003': 'unreachable',
  '42501': 'denied',
  '53': 'unreachable',
  '53100': 'full',
  '57P01': 'unreachable', // shut down; backend terminated
  '57P02': 'unreachable', // crashed
  '57P03': 'unreachable', // starting up
  '58': 'unreachable',
  XX001: 'unreachable', // corrupted data
  XX002: 'unreachable', // corrupted index
}

export function troubleOfOwn(error: unknown): Trouble {
  if (!isServerError(error)) return 'unreachable'
  // Somebody has changed the table under a plan of this connection's: another connection makes a new one.
  if (error.code === '0A000' && error.routine === 'RevalidateCachedQuery') return 'unreachable'
  return troubleOfOwnBySqlState[error.code] ?? troubleOfOwnBySqlState[error.code.slice(0, 2)] ?? 'bug'
}

/** The error for callers, of a statement that is not the ledger's: the database's own where that is to blame. */
export function ownError(error: unknown, during: string, address: Address): unknown {
  const trouble = troubleOfOwn(error)
  return trouble === 'bug' ? error : errorFor(trouble, error, during, address)
}

/** The error for callers. `during` names the statement, or what else was being done. */
export function ledgerError(error: unknown, during: string, address: Address): Error {
  return errorFor(troubleOf(error), error, during, address)
}

function errorFor(trouble: Trouble, error: unknown, during: string, address: Address): Error {
  const sqlState = isServerError(error) ? error.code : undefined
  const said = saidBy(error)
  switch (trouble) {
    case 'unreachable':
      return new TroupeError(
        'TROUPE_DATABASE_UNREACHABLE',
        `PostgreSQL at ${placeOf(address)} could not be used (${during}): ${said}. ${adviceOn(error)}`,
        { cause: error, details: { ...address, during, sqlState } },
      )
    case 'full':
      return new TroupeError(
        'TROUPE_DATABASE_FULL',
        `PostgreSQL at ${placeOf(address)} has no room left on its disk (${during}): ${said}. Nothing was written. Make room; the work is tried again.`,
        { cause: error, details: { ...address, during, sqlState } },
      )
    case 'denied':
      return new TroupeError(
        'TROUPE_ACCESS_DENIED',
        sqlState === '42501'
          ? `PostgreSQL at ${placeOf(address)} denies the user ${address.user} a right (${during}): ${said}. Grant it, or let the user own what it is about; its own database is all that a service needs.`
          : `PostgreSQL at ${placeOf(address)} does not let the user ${address.user} in: ${said}. Correct the user name and password in the database's URL, or the server's pg_hba.conf.`,
        { cause: error, details: { ...address, during, sqlState } },
      )
    case 'conflict':
      return new TroupeError(
        'TROUPE_CONFLICT',
        `Another transaction was faster (${during}): ${said}. Nothing was written; recall and decide again.`,
        { cause: error, details: { during, sqlState } },
      )
    case 'fenced':
      return new TroupeError(
        'TROUPE_FENCED',
        `The partition's position is not what this settlement started from. Nothing was written; let go of the partition.`,
        { cause: error, details: { during, sqlState } },
      )
    case 'bug':
      return new Error(`The ledger's statement ${during} failed: ${said}`, { cause: error })
  }
}

/** What Node's TLS says of a certificate that it does not trust. */
const distrust =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|CERT_\w+|ERR_TLS_CERT_ALTNAME_INVALID)$/

function adviceOn(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  if (distrust.test(code)) {
    return `The server's certificate is not trusted (${code}): give the certificate of the authority that signed it (DATABASE_CA_FILE), and a host name that the certificate is for.`
  }
  if (/server does not support SSL/i.test(messageOf(error))) {
    return 'Set ssl=on at the server, or leave sslmode out of the URL where the network can be trusted.'
  }
  if (code.startsWith('42')) return 'Check that the ledger was migrated; the work is tried again.'
  return "Check that it runs and that the database's URL is right; the work is tried again."
}

function placeOf({ host, port, database }: Address): string {
  return `${host}:${port}/${database}`
}

/** An AggregateError, which a refused connection to `localhost` is, has no message of its own. */
function saidBy(error: unknown): string {
  const said =
    error instanceof AggregateError && error.message === ''
      ? error.errors.map(messageOf).join('; ')
      : messageOf(error)
  return said.replace(/\.$/, '')
}
