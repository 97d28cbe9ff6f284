// Stories of a service with tables of its own: the words of `specify`, on a real database.
//
// Invariants
// 1. A story is a value, as in `specify`: a list of what is told. It is told when it is awaited, from its beginning,
//    in a transaction of its own that is rolled back: no story sees another one's rows.
// 2. Inbox, steps, deadlines and events are decided by core and remembered in memory, the SQL runs as it does in a
//    running service. What only the commit would refuse, a deferred constraint, is for the harness to find.
// 3. A story that nobody awaited has told nothing: `close` refuses that.

import {
  type EventDraft,
  type Log,
  messageOf,
  type Service,
  type Sql,
  type TableTransaction,
  TroupeError,
  type TroupeErrorCode,
} from '@troupe/core'
import { startPostgres } from '@troupe/embedded'
import { postgresLedger, postgresTables } from '@troupe/postgres'
import { defaultTimeMs, eventOf, failed, type SpecifyOptions, type WhenOptions } from './given.ts'
import {
  expectEmitted,
  expectEnding,
  expectRows,
  expectThrown,
  explain,
  type Happening,
} from './given-expect.ts'
import type { Expected } from './given-later.ts'
import {
  admitted,
  type Circumstances,
  emptyWorld,
  type Ending,
  letTimePass,
  takeUpOn,
  type World,
} from './given-world.ts'

export interface SpecifyOnOptions extends Omit<SpecifyOptions, 'checksPurity'> {
  /**
   * A database that the service's tables may be made in: they are, and stay there. Default: that of an embedded
   * PostgreSQL, for as long as the specification is open.
   */
  readonly databaseUrl?: string
}

/** Where a story stands. A value: what is told on does not change it, so that several tests can start from one. */
export interface TableScenario {
  /** The tables hold what this writes. */
  given(this: void, write: (sql: Sql) => Promise<unknown>): TableScenario
  /** The service has taken up this event; what it emitted is past. */
  given(this: void, earlier: EventDraft, options?: WhenOptions): TableScenario
  /** The clock from here on. */
  at(this: void, timeMs: number): TableScenario
  /** What `perform` resolves to from here on. */
  performs(this: void, result: unknown): TableScenario
  /** The service hears this event. */
  when(this: void, event: EventDraft, options?: WhenOptions): TableUnchecked
  /** Time passes: what is due by then is emitted. */
  whenTimePasses(this: void, ms: number): TableUnchecked
}

/** A story in which something has just happened. Say what was emitted, or what it threw. */
export interface TableUnchecked {
  /** It emitted exactly these, in this order; without arguments: nothing. */
  then(this: void, ...expected: readonly Expected[]): TableChecked
  /** It threw: a Troupe error of this code, or an error whose message contains or matches this. The story goes on from before it. */
  thenThrows(this: void, expected: TroupeErrorCode | RegExp | (string & {})): TableChecked
}

/** A story that says something. Await it: only then is it told. */
export interface TableChecked extends TableScenario, PromiseLike<void> {
  /** The last event comes again, with the same id. */
  whenRedelivered(this: void): TableUnchecked
  /** The tables now hold this: what the statement finds, in its order. */
  thenRows(this: void, read: (sql: Sql) => Promise<readonly object[]>, rows: readonly object[]): TableChecked
  /** How the event ended: `applied`, or why its reaction did not run. */
  thenOutcome(this: void, ending: Ending): TableChecked
}

export interface TableSpecification extends TableScenario {
  /** Reads the tables as they are beside every story: what `running.sql` is to a running service. */
  readonly sql: Sql
  /** Lets go of the database. @throws TroupeError `TROUPE_EXPECTATION_FAILED` if a story was never awaited */
  close(): Promise<void>
}

/** Where the telling of a story is. */
interface Telling {
  readonly transaction: TableTransaction
  world: World
  circumstances: Circumstances
  happening: Happening
}

type Step = (telling: Telling) => Promise<void>

/**
 * Opens the stories of a service whose reactions decide in SQL, and makes its tables.
 *
 * @example
 * const { given, close } = await specifyOn(inventory)
 * await given((sql) => sql`UPDATE stock SET free = 1 WHERE sku = 'book'`)
 *   .when(PaymentProcessed({ ... }))
 *   .then(InventoryFailed({ orderId: 'o1', reason: 'out of stock: book' }))
 */
export async function specifyOn(
  service: Service,
  { databaseUrl, timeMs = defaultTimeMs, ids = {} }: SpecifyOnOptions = {},
): Promise<TableSpecification> {
  const log: Log = { debug() {}, info() {}, warn() {}, error() {} }
  const server = databaseUrl === undefined ? await startPostgres({ fsync: false }) : undefined
  const url = databaseUrl ?? (await server?.createDatabase({ name: 'stories' })) ?? ''
  const ledger = postgresLedger({ url, log })
  const tables = postgresTables({ url, log, name: service.name, statementTimeoutMs: 5_000, ledger })
  const untold = new Set<object>()
  async function close(): Promise<void> {
    await Promise.all([tables.close(), ledger.close()])
    await server?.stop()
  }
  try {
    await tables.migrate(service.tables ?? [])
  } catch (error) {
    await close()
    throw error
  }

  async function tell(steps: readonly Step[]): Promise<void> {
    const transaction = tables.open()
    const circumstances = { timeMs, ids, checksPurity: false, performed: undefined }
    const telling: Telling = {
      transaction,
      world: emptyWorld,
      circumstances,
      happening: failed('nothing', undefined),
    }
    try {
      for (const step of steps) await step(telling)
    } finally {
      await transaction.end()
    }
  }

  /** Steps, and how many events were told: ids come from it. */
  function scenario(steps: readonly Step[], count: number): TableScenario {
    const and = (step: Step) => scenario([...steps, step], count)
    return {
      given(first: EventDraft | ((sql: Sql) => Promise<unknown>), options: WhenOptions = {}) {
        if (typeof first === 'function')
          return and(async ({ transaction }) => void (await inTables(transaction, first)))
        const hear = hearing(first, options, count)
        const earlier: Step = async (telling) => {
          await hear(telling)
          refuseFailed(telling)
        }
        return scenario([...steps, earlier], count + 1)
      },
      at: (nowMs) =>
        and(async (telling) => void (telling.circumstances = { ...telling.circumstances, timeMs: nowMs })),
      performs: (result) =>
        and(
          async (telling) =>
            void (telling.circumstances = { ...telling.circumstances, performed: { result } }),
        ),
      when: (event, options = {}) => unchecked(steps, hearing(event, options, count), count + 1),
      whenTimePasses: (ms) => unchecked(steps, passing(ms), count),
    }
  }

  function unchecked(steps: readonly Step[], happen: Step, count: number): TableUnchecked {
    return {
      // oxlint-disable-next-line unicorn/no-thenable -- given/when/then is what everybody calls it
      then: (...expected) =>
        checked(
          [
            ...steps,
            happen,
            async ({ happening }) => {
              expectEmitted(service, happening, expected)
            },
          ],
          happen,
          count,
        ),
      thenThrows: (expected) =>
        checked(
          [
            ...steps,
            happen,
            async ({ happening }) => {
              expectThrown(service, happening, expected)
            },
          ],
          happen,
          count,
        ),
    }
  }

  function checked(steps: readonly Step[], happen: Step, count: number): TableChecked {
    const mark = {}
    untold.add(mark)
    const on = <Next>(go: () => Next) => {
      untold.delete(mark)
      return go()
    }
    const rest = scenario(steps, count)
    const and = (step: Step) => on(() => checked([...steps, step], happen, count))
    return {
      given: (first: never, second?: never) => on(() => rest.given(first, second)),
      at: (nowMs) => on(() => rest.at(nowMs)),
      performs: (result) => on(() => rest.performs(result)),
      when: (event, options) => on(() => rest.when(event, options)),
      whenTimePasses: (ms) => on(() => rest.whenTimePasses(ms)),
      whenRedelivered: () => on(() => unchecked(steps, happen, count)),
      thenRows: (read, rows) =>
        and(async ({ transaction, happening }) => {
          const actual = await inTables(transaction, read)
          expectRows(service, happening, { actual, expected: rows })
        }),
      thenOutcome: (ending) => and(async ({ happening }) => expectEnding(service, happening, ending)),
      // oxlint-disable-next-line unicorn/no-thenable -- a story is told when it is awaited
      then: (told, untellable) => on(() => tell(steps)).then(told, untellable),
    }
  }

  function hearing(draft: EventDraft, options: WhenOptions, count: number): Step {
    const eventAt = eventOf(draft, options, count)
    const what = `on ${draft.type}`
    return async (telling) => {
      const { world, circumstances, transaction } = telling
      const turn = admitted(world, service, eventAt(circumstances.timeMs), circumstances)
      try {
        const { world: after, ...came } = await takeUpOn(turn, transaction)
        telling.world = after
        telling.happening = { what, ...came }
      } catch (error) {
        telling.happening = failed(what, error)
      }
    }
  }

  function passing(ms: number): Step {
    return async (telling) => {
      const untilMs = telling.circumstances.timeMs + ms
      telling.circumstances = { ...telling.circumstances, timeMs: untilMs }
      const { world, ...came } = letTimePass(telling.world, untilMs)
      telling.world = world
      telling.happening = { what: `after ${ms} ms`, ...came }
    }
  }

  function refuseFailed({ happening }: Telling): void {
    if ('error' in happening) throw explain(service, happening)
  }

  return {
    ...scenario([], 0),
    sql: tables.read,
    async close() {
      await close()
      if (untold.size === 0) return
      throw new TroupeError(
        'TROUPE_EXPECTATION_FAILED',
        `${untold.size} stories of ${service.name} were never told. Await each: await given(…).when(…).then(…).`,
      )
    },
  }
}

/** What a test itself writes or reads, in the story's transaction. */
async function inTables<Result>(
  transaction: TableTransaction,
  ask: (sql: Sql) => Promise<Result>,
): Promise<Result> {
  const { signal } = new AbortController()
  const outcome = await transaction.unit(ask, { name: 'the test', isGuarded: true, timeoutMs: 5_000, signal })
  if (outcome.isDone) return outcome.result
  throw new Error(`The test's own SQL failed: ${messageOf(outcome.error)}`, { cause: outcome.error })
}
