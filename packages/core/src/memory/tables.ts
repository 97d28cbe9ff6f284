// What a ledger in memory holds, table by table.
//
// Invariants
// 1. A row is replaced, never changed, so that whoever was given one keeps what he was given.
// 2. States, answers and results are kept as JSON text, and read anew each time: nobody shares an object with the ledger.
// 3. A map keeps its rows in the order in which they came.

import type {
  Claim,
  DocumentWrite,
  InboxEntry,
  OutgoingRecord,
  StoredAnswer,
  StoredDocument,
  StoredResult,
  StoredSchema,
  StepName,
  StoredStep,
} from '../ports.ts'
import type { KeptUndo } from '../batch/doubt.ts'
import type { EventName } from '../event/record.ts'

/** When a row came, by the ledger's clock. */
interface Dated {
  readonly atMs: number
}

export interface DeadlineRow {
  readonly saga: string
  readonly name: string
  readonly dueMs: number
  readonly record: OutgoingRecord
}

export interface DoubtRow extends StepName {
  readonly called: EventName | undefined
  readonly undo: KeptUndo | undefined
}

export interface OutboxRow extends OutgoingRecord, Dated {
  readonly seq: bigint
}

/** Each by the name that the function beside it gives. */
export interface MemoryTables {
  /** By `laneOf`. */
  readonly positions: Map<string, Claim>
  /** By {@link eventKey}. */
  readonly inbox: Map<string, InboxEntry & Dated>
  /** By `documentName`. */
  readonly documents: Map<string, StoredDocument>
  /** By {@link nameOf} of saga and step. */
  readonly steps: Map<string, StoredStep>
  /** By {@link nameOf} of saga and step. */
  readonly doubts: Map<string, DoubtRow>
  /** By {@link answerKey}. */
  readonly answers: Map<string, StoredAnswer & Dated>
  /** By id. */
  readonly outbox: Map<string, OutboxRow>
  /** By {@link nameOf} of saga and name. */
  readonly deadlines: Map<string, DeadlineRow>
  /** By idempotency key. */
  readonly performed: Map<string, StoredResult & Dated>
  /** By {@link nameOf} of id and fingerprint. */
  readonly schemas: Map<string, StoredSchema>
}

export function emptyTables(): MemoryTables {
  return {
    positions: new Map(),
    inbox: new Map(),
    documents: new Map(),
    steps: new Map(),
    doubts: new Map(),
    answers: new Map(),
    outbox: new Map(),
    deadlines: new Map(),
    performed: new Map(),
    schemas: new Map(),
  }
}

export function nameOf(...parts: readonly (string | number)[]): string {
  return JSON.stringify(parts)
}

export function eventKey({ source, id }: EventName): string {
  return nameOf(source, id)
}

export function answerKey({
  command,
  idempotencyKey,
}: Pick<StoredAnswer, 'command' | 'idempotencyKey'>): string {
  return nameOf(command, idempotencyKey)
}

export function documentRow({ kind, key, expectedVersion, state }: DocumentWrite): StoredDocument {
  const text = JSON.stringify(state)
  return {
    kind,
    key,
    version: expectedVersion + 1,
    get state() {
      return JSON.parse(text) as unknown
    },
  }
}

export function answerRow({ answer, ...rest }: StoredAnswer, atMs: number): StoredAnswer & Dated {
  const text = JSON.stringify(answer) as string | undefined
  return {
    ...rest,
    atMs,
    get answer() {
      return text === undefined ? undefined : JSON.parse(text)
    },
  }
}

export function resultRow({ idempotencyKey, result }: StoredResult, atMs: number): StoredResult & Dated {
  const text = JSON.stringify(result) as string | undefined
  return {
    idempotencyKey,
    atMs,
    get result() {
      return text === undefined ? undefined : JSON.parse(text)
    },
  }
}

/** Those of the names that are there, in the order in which they are asked for. */
export function found<Row>(table: ReadonlyMap<string, Row>, names: readonly string[]): Row[] {
  return names.flatMap((name) => {
    const row = table.get(name)
    return row === undefined ? [] : [row]
  })
}

/** Deletes the rows of which this is so; says how many. */
export function forgetRows<Row>(table: Map<string, Row>, isGone: (row: Row) => boolean): number {
  const gone = [...table].filter(([, row]) => isGone(row))
  for (const [name] of gone) table.delete(name)
  return gone.length
}
