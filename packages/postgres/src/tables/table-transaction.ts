// One transaction of a service's own SQL and of its ledger's, on one connection.
//
// | state   | unit                          | settle              | end                     |
// |---------|-------------------------------|---------------------|-------------------------|
// | new     | connects, BEGIN: open         | (nothing to commit) | ended                   |
// | open    | runs; if it fails: see 2      | COMMIT: ended       | ROLLBACK: ended         |
// | spoilt  | refused                       | refused             | ROLLBACK: ended         |
// | ended   | refused                       | refused             | nothing                 |
//
// Invariants
// 1. Nobody but `settle` commits. A statement that would begin or end a transaction is refused before it is sent,
//    one message carries one statement, and a connection that is out of its transaction all the same is broken.
// 2. Of a unit that fails nothing is left: a guarded one is rolled back to where it began, and the transaction is
//    open still; without a guard the transaction is spoilt.
// 3. A unit has ended when nothing of it is under way any more. Then its `sql` refuses. What does not answer is
//    waited for no longer than the server's own limit and a grace; then the connection is broken.
// 4. The connection goes back to the pool outside of any transaction, or is broken. Its slot is given back once.
// 5. Whoever swallows an error of the database gets it back: it decides what becomes of the unit.

import {
  messageOf,
  type Settlement,
  type SqlRows,
  type TableTransaction,
  TroupeError,
  type UnitOptions,
  type UnitOutcome,
} from '@troupe/core'
import type { Pool, PoolClient } from 'pg'
import { type Address, ledgerError, ownError, troubleOfOwn } from '../database-error.ts'
import { explained, type Stored } from '../explain-refusal.ts'
import { settleCalls } from '../settle.ts'
import { answerGraceMs, answerOf } from '../wire/connections.ts'
import type { Call } from '../wire/statement.ts'
import { asLedgerPlans, beginning, committing, guarding, releasing, returning, undoing } from './control.ts'
import { ask, sqlOf } from './own-sql.ts'
import type { TakeSlot } from './slots.ts'
import type { StatementNames } from './statement-names.ts'
import { misused, type SqlText } from './sql-text.ts'

export interface TransactionOptions {
  readonly pool: Pool
  readonly takeSlot: TakeSlot
  readonly address: Address
  /** The ledger's, quoted. */
  readonly schema: string
  /** The server's limit for one statement. */
  readonly statementTimeoutMs: number
  /** Under which names the connections of the pool remember statements. */
  readonly names: StatementNames
  /** To say what a refused settlement ran into. */
  readonly stored: Stored
  /** Told of SQL that somebody asks for when it is over. */
  readonly onLate: (unit: string) => void
}

/** Made once: an error takes note of where it is made, which costs more than all else that a unit does at its end. */
const hasEnded = new DOMException('The unit has ended.', 'AbortError')

interface Held {
  readonly client: PoolClient
  readonly giveBack: () => void
}

export function openTransaction(options: TransactionOptions): TableTransaction {
  const { pool, takeSlot, address, schema, statementTimeoutMs, names, stored, onLate } = options
  const answerTimeoutMs = statementTimeoutMs + answerGraceMs
  let state: TableTransaction['state'] = 'new'
  let held: Held | undefined

  async function connect(signal: AbortSignal): Promise<Held> {
    const giveBack = await takeSlot(signal).catch((error: unknown) => {
      throw stopped(error)
    })
    try {
      return { client: await pool.connect(), giveBack }
    } catch (error) {
      giveBack()
      throw ownError(error, 'connecting', address)
    }
  }

  function letGo(isBroken: boolean): void {
    state = 'ended'
    held?.client.release(isBroken)
    held?.giveBack()
    held = undefined
  }

  /** Says something about the transaction itself. @throws as {@link ledgerError}; then it is lost */
  async function control(client: PoolClient, calls: readonly Call[]): Promise<void> {
    const outcome = await answerOf(client, calls, answerTimeoutMs)
    if (outcome.ok) return
    letGo(true)
    throw ledgerError(outcome.error, outcome.statement, address)
  }

  async function unit<Result>(
    work: (...given: Parameters<Parameters<TableTransaction['unit']>[0]>) => Promise<Result>,
    how: UnitOptions,
  ): Promise<UnitOutcome<Result>> {
    if (state === 'spoilt' || state === 'ended')
      throw new Error(`This transaction is ${state}. Open another.`)
    if (how.signal.aborted) throw stopped(how.signal.reason)
    const isFirst = state === 'new'
    held ??= await connect(how.signal)
    const { client } = held
    state = 'open'
    if (isFirst || how.isGuarded)
      await control(client, [...(isFirst ? [beginning()] : []), ...(how.isGuarded ? [guarding()] : [])])
    const outcome = await runUnit(client, work, how)
    if (!outcome.isDone && outcome.isLost) letGo(true)
    else if (!how.isGuarded) state = outcome.isDone ? 'open' : 'spoilt'
    else await control(client, outcome.isDone ? [releasing()] : [returning(), releasing()])
    if (!outcome.isDone && 'trouble' in outcome) throw outcome.trouble
    return outcome
  }

  async function runUnit<Result>(
    client: PoolClient,
    work: (...given: Parameters<Parameters<TableTransaction['unit']>[0]>) => Promise<Result>,
    { name, timeoutMs, signal }: UnitOptions,
  ): Promise<UnitEnd<Result>> {
    const pending = new Set<Promise<unknown>>()
    const ending = new AbortController()
    let refused: unknown
    let isOut = false

    async function run(statement: SqlText): Promise<SqlRows<object>> {
      if (ending.signal.aborted) {
        onLate(name)
        throw misused(`${name} asked for SQL after it had ended. Await all that it does.`)
      }
      const { text } = statement
      const answer = ask(client, statement, names.of(text)).then(
        (rows) => {
          names.ran(text)
          isOut ||= client.getTransactionStatus() !== 'T'
          return rows
        },
        (error: unknown) => {
          refused ??= error
          throw ownError(error, name, address)
        },
      )
      pending.add(answer)
      const over = () => void pending.delete(answer)
      answer.then(over, over)
      return answer
    }

    const isOver = firstOf(timeoutMs, signal)
    const came = await Promise.race([settled(() => work(sqlOf(run), ending.signal)), isOver.promise])
    isOver.cancel()
    // In the same turn: what it has left running asks for nothing any more.
    ending.abort(hasEnded)
    const isUnawaited = pending.size > 0
    if (came === 'stopped') return { isDone: false, isLost: true, trouble: stopped(signal.reason) }
    if (!(await areOver(pending, answerTimeoutMs))) {
      const silence = new Error(`no answer within ${answerTimeoutMs} ms`)
      return { isDone: false, isLost: true, trouble: ledgerError(silence, name, address) }
    }
    if (refused !== undefined && troubleOfOwn(refused) !== 'bug') {
      const trouble = ownError(refused, name, address)
      return { isDone: false, isLost: troubleOfOwn(refused) !== 'conflict', trouble }
    }
    if (isOut) return { isDone: false, isLost: true, error: outOfTransaction(name) }
    if (came === 'late') return { isDone: false, error: tooLate(name, timeoutMs) }
    if ('error' in came) return { isDone: false, error: came.error }
    if (refused !== undefined) return { isDone: false, error: swallowed(name, refused) }
    if (isUnawaited) return { isDone: false, error: unawaited(name) }
    return { isDone: true, result: came.result }
  }

  async function settle(settlement: Settlement) {
    const client = held?.client
    if (state !== 'open' || !client)
      throw new Error(`This transaction is ${state}: there is nothing to commit.`)
    const { calls, receipt } = settleCalls([settlement], schema)
    const outcome = await answerOf(
      client,
      [asLedgerPlans(), ...calls, committing()],
      // Each statement has the server's limit.
      answerTimeoutMs * 2,
    )
    if (outcome.ok) {
      letGo(false)
      return receipt()
    }
    const { error, statement } = outcome
    // What is deferred to the commit is checked there: it is the service's own.
    if (statement === committing().name) {
      const own = ownError(error, 'commit', address)
      await end(troubleOfOwn(error) === 'unreachable')
      throw own
    }
    const refusal = ledgerError(error, statement, address)
    await end(isUnreachable(refusal))
    throw await explained(settlement, refusal, stored)
  }

  async function end(isBroken = false): Promise<void> {
    const client = held?.client
    if (!client) {
      state = 'ended'
      return
    }
    const outcome = isBroken ? undefined : await answerOf(client, [undoing()], answerTimeoutMs)
    letGo(outcome?.ok !== true)
  }

  return {
    get state() {
      return state
    },
    unit,
    settle,
    end: () => end(),
  }
}

type UnitEnd<Result> =
  | { readonly isDone: true; readonly result: Result }
  | { readonly isDone: false; readonly isLost?: boolean; readonly error: unknown }
  /** Nobody here is to blame. */
  | {
      readonly isDone: false
      readonly isLost: boolean
      readonly trouble: unknown
      readonly error?: undefined
    }

async function settled<Result>(
  work: () => Promise<Result>,
): Promise<{ readonly result: Result } | { readonly error: unknown }> {
  try {
    return { result: await work() }
  } catch (error) {
    return { error }
  }
}

function firstOf(timeoutMs: number, signal: AbortSignal) {
  let cancel = () => {}
  const promise = new Promise<'late' | 'stopped'>((resolve) => {
    const timer = setTimeout(() => resolve('late'), timeoutMs)
    const onAbort = () => resolve('stopped')
    signal.addEventListener('abort', onAbort, { once: true })
    cancel = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    if (signal.aborted) onAbort()
  })
  return { promise, cancel: () => cancel() }
}

/** Whether all of them have settled in time. */
async function areOver(pending: ReadonlySet<Promise<unknown>>, withinMs: number): Promise<boolean> {
  if (pending.size === 0) return true
  const patience = firstOf(withinMs, new AbortController().signal)
  const end = await Promise.race([Promise.allSettled(pending), patience.promise])
  patience.cancel()
  return end !== 'late'
}

function isUnreachable(error: unknown): boolean {
  return (error as Partial<TroupeError>).code === 'TROUPE_DATABASE_UNREACHABLE'
}

function stopped(cause: unknown): TroupeError {
  return new TroupeError('TROUPE_STOPPED', 'Gave up a transaction: the work was called off.', { cause })
}

function outOfTransaction(name: string): TroupeError {
  return misused(
    `${name} is out of the transaction that it was in, by a statement of its own. What it wrote may be committed without its event: look, then let \`transact\` leave the transaction alone.`,
  )
}

function tooLate(name: string, timeoutMs: number): TroupeError {
  return new TroupeError(
    'TROUPE_REACTION_FAILED',
    `${name} did not end its transaction within ${timeoutMs} ms, and was rolled back. Make it faster, or give it more time with TROUPE_TRANSACT_TIMEOUT_MS.`,
  )
}

function swallowed(name: string, cause: unknown): TroupeError {
  return new TroupeError(
    'TROUPE_TRANSACTION_MISUSED',
    `${name} went on after the database had refused a statement (${messageOf(cause)}), which ends the transaction. Ask in the statement itself, with a condition or ON CONFLICT, and look at its \`count\`.`,
    { cause },
  )
}

function unawaited(name: string): TroupeError {
  return misused(`${name} ended while a statement of its own was under way. Await every statement.`)
}
