// A ledger in memory: for tests, and to compare other ledgers with. Passes the contract of every ledger.
//
// Invariants
// 1. All that it remembers is in its tables and in what is set aside; whoever opens it has a share in that, and no more.
// 2. Every method runs to its end before the next one begins: what is refused has changed nothing.
// 3. It has no clock of its own, and waits for nothing: what fails, is late or is lost is put around it.

import { TroupeError } from '../errors.ts'
import { laneOf, type Ledger, type Receipt, type Settlement } from '../ports.ts'
import type { AtOnce } from './at-once.ts'
import { memoryClaims } from './claims.ts'
import { readDocument, readKind } from './documents.ts'
import { memoryOutbox } from './outbox.ts'
import { recallFrom } from './recall.ts'
import { memorySetAside } from './set-aside.ts'
import { settleIn } from './settle.ts'
import { emptyTables, eventKey, forgetRows, type MemoryTables, nameOf, resultRow } from './tables.ts'

export type { MemoryTables }

/** Looked at anew each time, so that a test may change them on the way. */
export interface MemoryLedgerSettings {
  /** The ledger's clock, a database's in production: milliseconds since the epoch. */
  nowMs: () => number
  /** How many records or ids a page of the outbox holds. Default: 500. */
  pageMax?: number
  /** How many deadlines are fired at once. Default: 500. */
  firedMax?: number
}

/** What needs no answer from afar. */
type Methods = AtOnce<Omit<Ledger, 'migrate' | 'settle' | 'ping' | 'close'>>

export interface MemoryLedger extends Methods {
  /** What is left out changes nothing. */
  settle(settlement: Partial<Settlement>): Receipt
  /** As its port: an instance of a service has one, and closes it. What is remembered stays. */
  open(): Ledger
  /** What is remembered. Whoever writes there does what no ledger would. */
  readonly tables: MemoryTables
  /** Keys that are parked, as `topic/partition/key`. */
  parkedNames(): readonly string[]
}

export function memoryLedger(settings: MemoryLedgerSettings): MemoryLedger {
  const nowMs = () => settings.nowMs()
  const tables = emptyTables()
  const outbox = memoryOutbox(tables, nowMs, {
    get pageMax() {
      return settings.pageMax ?? 500
    },
    get firedMax() {
      return settings.firedMax ?? 500
    },
  })
  const { changed, write, parkAgain, recall, names, forget, ...aside } = memorySetAside(nowMs, {
    forgetDeadLetter(event) {
      if (tables.inbox.get(eventKey(event))?.outcome === 'dead-lettered') tables.inbox.delete(eventKey(event))
    },
    addDeadLetter(event) {
      if (!tables.inbox.has(eventKey(event)))
        tables.inbox.set(eventKey(event), { ...event, outcome: 'dead-lettered', atMs: nowMs() })
    },
  })
  const { documents, schemas, performed } = tables

  const ledger: MemoryLedger = {
    tables,
    ...aside,
    ...memoryClaims(tables.positions, nowMs),
    parkedNames: names,
    recall: (request) => recallFrom(tables, request, recall),
    settle: (settlement) =>
      settleIn(
        tables,
        { ...nothing, ...settlement },
        { nowMs, outbox, aside: { changed, write, parkAgain } },
      ),
    keepPerformed(results) {
      for (const one of results)
        if (!performed.has(one.idempotencyKey)) performed.set(one.idempotencyKey, resultRow(one, nowMs()))
    },
    positionOf(partition) {
      const claim = tables.positions.get(laneOf(partition))
      return claim && { ...claim }
    },
    unpublished: outbox.unpublished,
    outgoing: outbox.outgoing,
    fire: outbox.fire,
    pendingDeadlines: outbox.pendingDeadlines,
    forget(what, olderThanMs) {
      const untilMs = nowMs() - olderThanMs
      const forgotten =
        what === 'deadLetters' || what === 'actions'
          ? forget(what, untilMs)
          : forgetRows<{ readonly atMs: number }>(tables[what], ({ atMs }) => atMs <= untilMs)
      return { forgotten, next: undefined }
    },
    schemas: () => [...schemas.values()],
    keepSchemas(kept) {
      for (const one of kept) {
        const name = nameOf(one.id, one.fingerprint)
        schemas.delete(name)
        schemas.set(name, one)
      }
    },
    document: (name) => readDocument(documents, name),
    documents: (kind, page) => readKind(documents, kind, page),
    open: () => opened(ledger),
  }
  return ledger
}

const nothing: Settlement = {
  position: undefined,
  inbox: [],
  documents: [],
  documentsRead: [],
  steps: [],
  answers: [],
  outbox: [],
  deadlines: [],
  published: [],
}

/** The port on a ledger in memory, until it is closed. */
function opened(ledger: MemoryLedger): Ledger {
  let isOpen = true
  const whileOpen =
    <Given extends readonly unknown[], Answer>(method: (...given: Given) => Answer) =>
    async (...given: Given): Promise<Answer> => {
      if (!isOpen) throw new TroupeError('TROUPE_STOPPED', 'The ledger was closed. Open another one.')
      return method(...given)
    }
  return {
    migrate: whileOpen(() => {}),
    claim: whileOpen(ledger.claim),
    suspect: whileOpen(ledger.suspect),
    acquit: whileOpen(ledger.acquit),
    recall: whileOpen(ledger.recall),
    settle: whileOpen(ledger.settle),
    keepPerformed: whileOpen(ledger.keepPerformed),
    positionOf: whileOpen(ledger.positionOf),
    unpublished: whileOpen(ledger.unpublished),
    outgoing: whileOpen(ledger.outgoing),
    fire: whileOpen(ledger.fire),
    pendingDeadlines: whileOpen(ledger.pendingDeadlines),
    forget: whileOpen(ledger.forget),
    schemas: whileOpen(ledger.schemas),
    keepSchemas: whileOpen(ledger.keepSchemas),
    document: whileOpen(ledger.document),
    documents: whileOpen(ledger.documents),
    dueKeys: whileOpen(ledger.dueKeys),
    parkedWork: whileOpen(ledger.parkedWork),
    putOffKeys: whileOpen(ledger.putOffKeys),
    parkedTotals: whileOpen(ledger.parkedTotals),
    parkedSum: whileOpen(ledger.parkedSum),
    parkedKeys: whileOpen(ledger.parkedKeys),
    parkedRecords: whileOpen(ledger.parkedRecords),
    retryParked: whileOpen(ledger.retryParked),
    discardParked: whileOpen(ledger.discardParked),
    deadLetters: whileOpen(ledger.deadLetters),
    deadLetter: whileOpen(ledger.deadLetter),
    deadLetterGroups: whileOpen(ledger.deadLetterGroups),
    redrive: whileOpen(ledger.redrive),
    discardDeadLetters: whileOpen(ledger.discardDeadLetters),
    operatorActions: whileOpen(ledger.operatorActions),
    ping: whileOpen(() => {}),
    async close() {
      isOpen = false
    },
  }
}
