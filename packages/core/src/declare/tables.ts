// Tables that a service has beside its ledger, as its reactions and its runtime see them.

import type { Receipt, Settlement } from '../ports.ts'

/** What a statement is given, always beside its text: bytes, and what the driver makes text of. */
export type SqlValue = string | number | bigint | boolean | Date | Uint8Array | null | readonly SqlValue[]

/** What a statement answers with. */
export interface SqlRows<Row> extends ReadonlyArray<Row> {
  /** How many rows it found or changed, whether it returns them or not. */
  readonly count: number
}

/**
 * One SQL statement, run as soon as it is asked for. What is put between the texts becomes parameters and never
 * text, so that nothing in a value can be taken for SQL.
 *
 * Columns come as the driver has them: `bigint` and `numeric` as text, `timestamptz` as a Date, `json` parsed.
 */
export interface Sql {
  <Row extends object = Record<string, unknown>>(
    text: TemplateStringsArray,
    ...values: readonly SqlValue[]
  ): Promise<SqlRows<Row>>
  /** The same for a text that is made elsewhere: its parameters are $1, $2, … */
  query<Row extends object = Record<string, unknown>>(
    this: void,
    text: string,
    values?: readonly SqlValue[],
  ): Promise<SqlRows<Row>>
}

/** One step of the form of a service's own tables. Once released it is never edited: the next one changes what it made. */
export interface TableMigration {
  /** What it does, in a few words, for the record. */
  readonly name: string
  /** Any number of statements, run in the service's own schema; no transaction of its own. */
  readonly sql: string
}

/** What came of one unit of a transaction: its result, or what is to blame on it. */
export type UnitOutcome<Result> =
  | { readonly isDone: true; readonly result: Result }
  | { readonly isDone: false; readonly error: unknown }

export interface UnitOptions {
  /** Whose SQL it is, for messages. */
  readonly name: string
  /** Where the unit fails, what the transaction did before stays; costs a round trip. Otherwise all of it is lost. */
  readonly isGuarded: boolean
  /** How long the unit may take. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * One transaction of a service's own SQL and of its ledger's. Begun by its first unit; one unit at a time.
 *
 * Units and settlement may fail with `TROUPE_DATABASE_UNREACHABLE`, `TROUPE_DATABASE_FULL` and
 * `TROUPE_ACCESS_DENIED`, which say nothing about the work, with `TROUPE_CONFLICT` where another transaction was
 * faster, and with `TROUPE_STOPPED` once the signal aborts. After any of them nothing is written, but for a
 * settlement that was unreachable: its outcome is unknown.
 */
export interface TableTransaction {
  /** `new`: no unit was begun, there is nothing to commit. `spoilt`: a unit failed that was not guarded. */
  readonly state: 'new' | 'open' | 'spoilt' | 'ended'
  /** Runs a unit, whose `sql` and `signal` hold until it has ended. What it throws is its own to blame, and so is a statement that the database refuses. */
  unit<Result>(
    work: (sql: Sql, signal: AbortSignal) => Promise<Result>,
    options: UnitOptions,
  ): Promise<UnitOutcome<Result>>
  /** Writes the settlement and commits all of it. @throws as the ledger's `settle`, too */
  settle(settlement: Settlement): Promise<Receipt>
  /** Rolls back what is not committed and lets go of the connection. Safe to call at any time, and more than once. */
  end(): Promise<void>
}

/** A service's own tables, in a schema of the service's name in the ledger's database. */
export interface Tables {
  /** Brings the tables to the form that these make, each run once; of several instances one does it. @throws TroupeError `TROUPE_LEDGER_NEWER`, `TROUPE_LEDGER_ALTERED`; Error for SQL that the database refuses */
  migrate(migrations: readonly TableMigration[]): Promise<void>
  /** Opens a transaction; connects with its first unit. */
  open(): TableTransaction
  /** Statements that only read, each by itself, outside of any transaction. */
  readonly read: Sql
  /** Waits for what is under way. */
  close(): Promise<void>
}
