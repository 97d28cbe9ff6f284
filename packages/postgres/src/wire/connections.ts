// The connections of one ledger.
//
// | state   | fly                | a flight ends          | close                  |
// |---------|--------------------|------------------------|------------------------|
// | open    | takes a connection | gives it back          | closing                |
// | closing | TROUPE_STOPPED     | the last one: closed   | the same promise again |
// | closed  | TROUPE_STOPPED     | (none is left)         | the same promise again |
//
// Invariants
// 1. A connection carries one flight at a time, and goes back to the pool only if the server answered
//    that flight: one that broke or timed out is destroyed.
// 2. Nothing waits for ever: for a connection `connectTimeoutMsMax`, for an answer the server's own limit and a grace.
// 3. No error of a connection is left without a listener, not even in the moment between the pool's hand
//    and ours: it would end the process.

import { messageOf, TroupeError } from '@troupe/core'
import { Pool, type PoolClient } from 'pg'
import { ledgerError, troubleOf } from '../database-error.ts'
import type { LedgerSettings } from '../settings.ts'
import { fly, type FlightOutcome } from './flight.ts'
import type { Call } from './statement.ts'

export interface Connections {
  /**
   * Runs the calls in one round trip and one transaction; their rows are in them afterwards.
   * @throws as {@link ledgerError}, and TroupeError `TROUPE_STOPPED`
   */
  fly(calls: readonly Call[]): Promise<void>
  /** The same for work that goes on in `whileOpen`, and may end after `close` was called. @throws as {@link ledgerError} */
  flyWithin(calls: readonly Call[]): Promise<void>
  /** Work that `close` waits for. @throws TroupeError `TROUPE_STOPPED` */
  whileOpen<Result>(work: () => Promise<Result>): Promise<Result>
  /** Waits for every flight that is under way. */
  close(): Promise<void>
}

/** A new connection and a busy pool are both given this long at most. */
export const connectTimeoutMsMax = 10_000
/** What an answer may take beyond the server's own limit before the network is taken for dead. */
export const answerGraceMs = 2_000

export function openConnections(options: LedgerSettings): Connections {
  const { address, log } = options
  const pool = new Pool({
    ...connectionSettings(options),
    max: options.connectionsMax,
    idleTimeoutMillis: 60_000,
  })
  pool.on('error', (error) => {
    log.warn({ ...address, error: messageOf(error) }, 'lost an idle connection to PostgreSQL')
  })
  // For good, and before anybody waits for it: a server that shuts down may say so in the same packet that
  // says that the connection is ready. The flight hears of a broken connection by itself.
  pool.on('connect', (client) => void client.on('error', () => {}))
  const answerTimeoutMs = options.statementTimeoutMs + answerGraceMs
  const underWay = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined

  async function flyOnce(calls: readonly Call[]): Promise<void> {
    const client = await pool.connect().catch((error: unknown) => {
      throw ledgerError(error, 'connecting', address)
    })
    const outcome = await answerOf(client, calls, answerTimeoutMs)
    client.release(!outcome.ok && troubleOf(outcome.error) === 'unreachable')
    if (!outcome.ok) throw ledgerError(outcome.error, outcome.statement, address)
  }

  async function whileOpen<Result>(work: () => Promise<Result>): Promise<Result> {
    if (closing) throw stopped()
    const working = work()
    const ended = working.catch(() => {})
    underWay.add(ended)
    try {
      return await working
    } finally {
      underWay.delete(ended)
    }
  }

  return {
    fly: (calls) => whileOpen(() => flyOnce(calls)),
    flyWithin: flyOnce,
    whileOpen,
    close() {
      closing ??= Promise.all(underWay).then(() => pool.end())
      return closing
    },
  }
}

/**
 * The ledger looks everything up by primary key, so the best plan is always the same: generic, nested
 * loops over indexes. Left to itself the planner plans every execution anew, and reads whole tables as
 * long as it takes them for small: half the throughput at batches of ten.
 */
const planning = [
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_bitmapscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'jit=off',
  // A statement that has waited for another transaction sees what that one wrote: see `insert-outbox`.
  'default_transaction_isolation=read\\ committed',
]

/** What every connection of the ledger starts with. */
export function connectionSettings({ url, tls, statementTimeoutMs }: LedgerSettings) {
  return {
    connectionString: withOptions(url, planning),
    // With an authority the certificate and its host name are checked: Node's default.
    ...(tls ? { ssl: { ca: tls.ca } } : {}),
    application_name: 'troupe',
    connectionTimeoutMillis: Math.min(connectTimeoutMsMax, statementTimeoutMs + answerGraceMs),
    statement_timeout: statementTimeoutMs,
    keepAlive: true,
  }
}

/** The URL's own `options` come last, so that they win. */
export function withOptions(url: string, settings: readonly string[]): string {
  const query = url.split('?')[1]
  const given = new URLSearchParams(query).get('options')
  const options = [...settings.map((setting) => `-c ${setting}`), ...(given ? [given] : [])].join(' ')
  // Of a parameter that comes twice, pg takes the last.
  return `${url}${query === undefined ? '?' : '&'}options=${encodeURIComponent(options)}`
}

/** Flies, and breaks the connection if no answer comes in time. Never rejects. */
export async function answerOf(
  client: PoolClient,
  calls: readonly Call[],
  timeoutMs: number,
): Promise<FlightOutcome> {
  const timer = setTimeout(() => {
    client.connection.stream.destroy(new Error(`no answer within ${timeoutMs} ms`))
  }, timeoutMs)
  try {
    return await fly(client, calls)
  } finally {
    clearTimeout(timer)
  }
}

function stopped(): TroupeError {
  return new TroupeError('TROUPE_STOPPED', 'The ledger was closed. Open another one.')
}
