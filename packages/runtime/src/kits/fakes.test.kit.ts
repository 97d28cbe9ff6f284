// What the tests of this room share: a ledger and a relay in memory, whose every step a test can hold up or
// make fail. Not part of the package.
import {
  type Ledger,
  type Log,
  type Outcome,
  type OutgoingRecord,
  type Settlement,
  TroupeError,
} from '@troupe/core'
import { memoryLedger, type MemoryLedgerSettings, type MemoryTables } from '@troupe/core/memory-ledger'
import type { Relay } from '@troupe/kafka'

export interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly facts: Readonly<Record<string, unknown>>
  readonly message: string
}

/** Keeps every line. */
export function keepingLog(): Log & { readonly lines: Line[] } {
  const lines: Line[] = []
  const at = (level: Line['level']) => (facts: object, message: string) =>
    void lines.push({ level, facts: facts as Line['facts'], message })
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export function unreachable(): TroupeError {
  return new TroupeError('TROUPE_DATABASE_UNREACHABLE', 'The database is away.')
}

/** The ledger in memory, whose every step a test can see, hold up or make fail. */
export interface FakeLedger extends Ledger {
  /** What it remembers. */
  readonly tables: MemoryTables
  /** Its clock and the sizes of its pages: for a test to change. */
  readonly settings: MemoryLedgerSettings
  /** Another instance on it. */
  open(): Ledger
  /** Keys that are parked, as `topic/partition/key`. */
  parkedNow(): readonly string[]
  /** How events ended, in the order in which they came. */
  outcomes(): readonly Outcome[]
  /** Settles what another process did: no call, and nothing happens before or after it. */
  remember(settlement: Partial<Settlement>): void
  readonly settled: Settlement[]
  calls: string[]
  /** Called before a method does anything; throws to make it fail, or waits. */
  before: (method: string, settlement?: Settlement) => Promise<void> | void
  /** Called once a settlement is written: what it throws is all that the caller gets to know. */
  afterSettle: (settlement: Settlement) => Promise<void> | void
  /** Called once due deadlines are moved: what it throws is all that the caller gets to know. */
  afterFire: () => Promise<void> | void
}

export function fakeLedger(): FakeLedger {
  const settings: MemoryLedgerSettings = { nowMs: Date.now }
  const memory = memoryLedger(settings)
  const settled: Settlement[] = []

  function open(): Ledger {
    const opened = entered(memory.open(), async (method, settlement) => {
      ledger.calls.push(method)
      await ledger.before(method, settlement)
    })
    return {
      ...opened,
      async settle(settlement) {
        const receipt = await opened.settle(settlement)
        settled.push(settlement)
        await ledger.afterSettle(settlement)
        return receipt
      },
      async fire() {
        const fired = await opened.fire()
        await ledger.afterFire()
        return fired
      },
    }
  }

  const ledger: FakeLedger = {
    ...open(),
    tables: memory.tables,
    settings,
    open,
    parkedNow: memory.parkedNames,
    outcomes: () => [...memory.tables.inbox.values()].map(({ outcome }) => outcome),
    remember: (settlement) => void memory.settle(settlement),
    settled,
    calls: [],
    before: () => {},
    afterSettle: () => {},
    afterFire: () => {},
  }
  return ledger
}

/** A ledger of which each method waits for this before it begins. */
function entered(
  ledger: Ledger,
  enter: (method: string, settlement: Settlement | undefined) => Promise<void>,
): Ledger {
  const methods = Object.entries(ledger).map(([name, method]: [string, (...given: unknown[]) => unknown]) => [
    name,
    async (...given: unknown[]) => {
      await enter(name, name === 'settle' ? (given[0] as Settlement) : undefined)
      return method(...given)
    },
  ])
  return Object.fromEntries(methods) as Ledger
}

/** A relay whose Kafka takes everything at once, unless a test closes it. */
export interface FakeRelay extends Relay {
  /** What Kafka has, in order. */
  readonly sent: OutgoingRecord[]
  /** Kafka takes nothing until it is opened again. */
  close(): void
  open(): void
}

export function fakeRelay(): FakeRelay {
  const sent: OutgoingRecord[] = []
  const held = new Set<string>()
  const queue: OutgoingRecord[] = []
  let published: string[] = []
  let isOpen = true
  const waiters: (() => void)[] = []

  function flow(): void {
    if (!isOpen) return
    for (const record of queue.splice(0)) {
      sent.push(record)
      published.push(record.id)
    }
    for (const wake of waiters.splice(0)) wake()
  }
  const drained = () =>
    queue.length === 0 ? Promise.resolve() : new Promise<void>((resolve) => waiters.push(resolve))

  return {
    sent,
    close: () => void (isOpen = false),
    open() {
      isOpen = true
      flow()
    },
    start: async () => {},
    push(records) {
      for (const record of records) {
        if (held.has(record.id)) continue
        held.add(record.id)
        queue.push(record)
      }
      flow()
    },
    get hasRoom() {
      return false
    },
    room: drained,
    drained,
    takePublished() {
      const ids = published
      published = []
      return ids
    },
    confirmDeleted(ids) {
      for (const id of ids) held.delete(id)
    },
    restore: (ids) => void published.push(...ids),
    holds: (id) => held.has(id),
    stop: async () => ({ left: queue.length }),
    get state() {
      return {
        phase: 'running' as const,
        queued: queue.length,
        queuedBytes: queue.reduce((bytes, { value }) => bytes + (value?.length ?? 0), 0),
        published: sent.length,
        problems: isOpen ? [] : [{ topic: 'any', message: 'closed', attempt: 1, sinceMs: 0 }],
        refusedCount: 0,
        refused: [],
      }
    },
  }
}

/** A promise that somebody else settles. */
export function deferred<T = void>(): {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
} {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** Asks until it is so; as long as it may take on a machine that does much else. */
export async function until(isSo: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const untilMs = performance.now() + timeoutMs
  while (!(await isSo())) {
    if (performance.now() > untilMs) throw new Error(`Not so within ${timeoutMs} ms: ${isSo.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
