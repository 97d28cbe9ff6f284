import assert from 'node:assert/strict'
import {
  type Claim,
  commandLane,
  type DeadlineDue,
  type DeadlineWrite,
  type DocumentWrite,
  type InboxEntry,
  isTroupeError,
  type Ledger,
  type OutboxPage,
  type OutgoingRecord,
  type RecallRequest,
  type Settlement,
  type StepWrite,
  type TroupeError,
  type TroupeErrorCode,
} from '@troupe/core'
import type { OpenLedger } from './ledger-contract.ts'

export async function migrated(open: OpenLedger): Promise<Ledger> {
  const ledger = open()
  await ledger.migrate()
  return ledger
}

export function settlement(part: Partial<Settlement>): Settlement {
  return {
    position: undefined,
    inbox: [],
    documents: [],
    documentsRead: [],
    steps: [],
    answers: [],
    outbox: [],
    deadlines: [],
    published: [],
    ...part,
  }
}

export function request(part: Partial<RecallRequest>): RecallRequest {
  return { events: [], documents: [], steps: [], answers: [], ...part }
}

export function entry(id: string, part: Partial<InboxEntry> = {}): InboxEntry {
  return { source: 'order', id, type: 'OrderReceived', saga: 'saga-1', outcome: 'applied', ...part }
}

export function write(key: string, expectedVersion: number, state: object = {}): DocumentWrite {
  return { kind: 'stock', key, expectedVersion, state }
}

export function stepWrite(part: Partial<StepWrite>): StepWrite {
  return {
    saga: 'saga-1',
    step: 'reserveStock',
    state: 'done',
    expectedState: undefined,
    done: Uint8Array.of(1),
    touched: [],
    ...part,
  }
}

export function record(id: string, part: Partial<OutgoingRecord> = {}): OutgoingRecord {
  return {
    id,
    lane: 'order.events/0',
    topic: 'stock.events',
    key: 'order-1',
    headers: {},
    value: Uint8Array.of(7),
    ...part,
  }
}

export function deadline(name: string, due: DeadlineDue, part: Partial<OutgoingRecord> = {}): DeadlineWrite {
  return {
    saga: 'saga-1',
    name,
    set: { due, record: record(`record-${name}`, { lane: commandLane, ...part }) },
  }
}

/** The move from a claim to an offset. */
export function moveOf({ topic, partition, epoch, next }: Claim, to: bigint) {
  return { topic, partition, epoch, from: next, to }
}

/** A settlement that writes something everywhere, each under a name of its own. */
export function everywhere(tag: string): Settlement {
  return settlement({
    inbox: [entry(`event-${tag}`)],
    documents: [write(`document-${tag}`, 0, { tag })],
    steps: [stepWrite({ saga: `saga-${tag}` })],
    answers: [{ command: 'placeOrder', idempotencyKey: `key-${tag}`, inputHash: 'hash', answer: tag }],
    outbox: [record(`record-${tag}`, { lane: tag })],
    deadlines: [deadline(`deadline-${tag}`, { afterMs: 0 })],
  })
}

/** All pages of what a lane holds. */
export async function unpublishedIn(ledger: Ledger, lane: string): Promise<readonly OutgoingRecord[]> {
  const ids: string[] = []
  for (let after: bigint | undefined = 0n; after !== undefined; ) {
    const page: OutboxPage<string> = await ledger.unpublished({ lane }, after)
    ids.push(...page.found)
    after = page.next
  }
  return (await outgoingOf(ledger, ids)).filter((one) => one.lane === lane)
}

/** All pages of these records and of what goes before them. */
export async function outgoingOf(ledger: Ledger, ids: readonly string[]): Promise<readonly OutgoingRecord[]> {
  const records: OutgoingRecord[] = []
  for (let after: bigint | undefined = 0n; after !== undefined; ) {
    const page: OutboxPage<OutgoingRecord> = await ledger.outgoing(ids, after)
    records.push(...page.found)
    after = page.next
  }
  return records
}

/** Asserts that nothing of {@link everywhere} is stored. */
export async function assertNowhere(ledger: Ledger, tag: string): Promise<void> {
  const found = await ledger.recall(
    request({
      events: [entry(`event-${tag}`)],
      documents: [write(`document-${tag}`, 0)],
      steps: [{ saga: `saga-${tag}`, step: 'reserveStock', withDocuments: true }],
      answers: [{ command: 'placeOrder', idempotencyKey: `key-${tag}` }],
    }),
  )
  assert.deepEqual(found, { seen: [], documents: [], steps: [], answers: [], keys: [] })
  assert.deepEqual(await unpublishedIn(ledger, tag), [])
  const { records } = await ledger.fire()
  assert.equal(
    records.find(({ id }) => id === `record-deadline-${tag}`),
    undefined,
  )
}

/** Two instances on one store, and whose turn it is. */
export async function twoInstances(open: OpenLedger): Promise<(turn: number) => Ledger> {
  const [one, other] = [await migrated(open), open()]
  return (turn) => (turn % 2 === 0 ? one : other)
}

/** Waits for a refusal and returns it. */
export async function refusal(work: Promise<unknown>, code: TroupeErrorCode): Promise<TroupeError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(isTroupeError(error, code), `expected ${code}, got ${String(error)}`)
  return error
}

/** Whatever kind of byte array it is, so that only the bytes are compared; text stays text. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: [...value] }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}
