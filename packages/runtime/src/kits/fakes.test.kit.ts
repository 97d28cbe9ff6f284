// What the tests of this room share: a ledger and a relay in memory, whose every step a test can hold up or
// make fail. Not part of the package.
import { claimAfter, memoryClaims } from '@troupe/core/memory-claims'
import {
  type Claim,
  documentName,
  laneOf,
  type Ledger,
  type Log,
  type OutgoingRecord,
  type Settlement,
  type StoredAnswer,
  type StoredDocument,
  type StoredResult,
  type StoredSchema,
  type StoredStep,
  TroupeError,
} from '@troupe/core'
import { memorySetAside } from '@troupe/core/memory-set-aside'
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

/** A ledger that remembers, refuses as the real one does, and fails where a test says. */
export interface FakeLedger extends Ledger {
  readonly settled: Settlement[]
  readonly outbox: Map<string, OutgoingRecord>
  readonly documentsByName: Map<string, StoredDocument>
  readonly positions: Map<string, Claim>
  readonly kept: StoredSchema[]
  readonly inbox: Map<string, string>
  /** The database's own. */
  readonly clock: { nowMs: () => number }
  readonly performed: Map<string, StoredResult>
  /** Names of the keys that are parked. */
  parkedNow(): readonly string[]
  /** Called before a method does anything; throws to make it fail, or waits. */
  before: (method: string, settlement?: Settlement) => Promise<void> | void
  /** Called once a settlement is written: what it throws is all that the caller gets to know. */
  afterSettle: (settlement: Settlement) => Promise<void> | void
  /** Called once due deadlines are moved: what it throws is all that the caller gets to know. */
  afterFire: () => Promise<void> | void
  calls: string[]
  /** Ids of records that count as old. */
  readonly stale: Set<string>
  /** How many records a page of the outbox holds. */
  pageMax: number
  /** By saga and name; due by the ledger's own clock. */
  readonly deadlines: Map<string, { readonly dueMs: number; readonly record: OutgoingRecord }>
  /** The database's clock. */
  nowMs: () => number
  /** How many deadlines are fired at once. */
  firedMax: number
}

export function fakeLedger(): FakeLedger {
  const inbox = new Map<string, string>()
  const documentsByName = new Map<string, StoredDocument>()
  const steps = new Map<string, StoredStep>()
  const answers = new Map<string, StoredAnswer>()
  const outbox = new Map<string, OutgoingRecord>()
  const deadlines: FakeLedger['deadlines'] = new Map()
  const positions = new Map<string, Claim>()
  const performed = new Map<string, StoredResult>()
  const claims = memoryClaims()
  const settled: Settlement[] = []
  const kept: StoredSchema[] = []
  const pair = (...names: string[]) => JSON.stringify(names)
  const clock = { nowMs: Date.now }
  const aside = memorySetAside({
    nowMs: () => clock.nowMs(),
    inbox: {
      forgetDeadLetter({ source, id }) {
        if (inbox.get(pair(source, id)) === 'dead-lettered') inbox.delete(pair(source, id))
      },
      addDeadLetter({ source, id }) {
        if (!inbox.has(pair(source, id))) inbox.set(pair(source, id), 'dead-lettered')
      },
    },
  })
  const answerName = (one: { command: string; idempotencyKey: string }) =>
    pair(one.command, one.idempotencyKey)

  const orderOf = ({ topic, key }: OutgoingRecord) => (typeof key === 'string' ? pair(topic, key) : undefined)

  function write(settlement: Settlement): string[] {
    const { position } = settlement
    const held = position && positions.get(laneOf(position))
    if (position && (held?.epoch !== position.epoch || held.next !== position.from))
      throw new TroupeError('TROUPE_FENCED', 'The position is not the expected one.')
    const isStale =
      [...settlement.documents, ...settlement.documentsRead].some(
        (one) => (documentsByName.get(documentName(one))?.version ?? 0) !== one.expectedVersion,
      ) ||
      settlement.steps.some((one) => steps.get(pair(one.saga, one.step))?.state !== one.expectedState) ||
      settlement.inbox.some(({ source, id }) => inbox.has(pair(source, id))) ||
      settlement.answers.some((one) => answers.has(answerName(one))) ||
      (settlement.parking && aside.changed(settlement.parking).length > 0)
    if (isStale) throw new TroupeError('TROUPE_CONFLICT', 'Something changed since it was recalled.')
    if (settlement.outbox.some(({ id }) => outbox.has(id))) throw new Error('The outbox has that id already.')
    if (position && held) positions.set(laneOf(position), { ...held, next: position.to })
    for (const { source, id, outcome } of settlement.inbox) inbox.set(pair(source, id), outcome)
    for (const { kind, key, expectedVersion, state } of settlement.documents) {
      documentsByName.set(documentName({ kind, key }), {
        kind,
        key,
        version: expectedVersion + 1,
        state: JSON.parse(JSON.stringify(state)) as unknown,
      })
    }
    for (const { expectedState: _, ...step } of settlement.steps) steps.set(pair(step.saga, step.step), step)
    for (const answer of settlement.answers) answers.set(answerName(answer), answer)
    for (const { saga, name, set } of settlement.deadlines) {
      const key = pair(saga, name)
      if (!set) deadlines.delete(key)
      else if (deadlines.get(key)?.record.id !== set.record.id) {
        const dueMs = 'afterMs' in set.due ? ledger.nowMs() + set.due.afterMs : set.due.atMs
        deadlines.set(key, { dueMs, record: set.record })
      }
    }
    for (const id of settlement.published) outbox.delete(id)
    for (const key of settlement.performed ?? []) performed.delete(key)
    const keys = new Set(settlement.outbox.map(orderOf))
    keys.delete(undefined)
    const predecessors = [...outbox.values()].filter((record) => keys.has(orderOf(record)))
    for (const record of settlement.outbox) outbox.set(record.id, record)
    if (settlement.parking) aside.write(settlement.parking)
    settled.push(settlement)
    return predecessors.map(({ id }) => id)
  }

  const ledger: FakeLedger = {
    ...aside,
    async dueKeys(...asked) {
      await enter('dueKeys')
      return aside.dueKeys(...asked)
    },
    async parkedWork(...asked) {
      await enter('parkedWork')
      return aside.parkedWork(...asked)
    },
    async putOffKeys(...asked) {
      await enter('putOffKeys')
      return aside.putOffKeys(...asked)
    },
    async parkedSum() {
      await enter('parkedSum')
      return aside.parkedSum()
    },
    async parkedTotals(...asked) {
      await enter('parkedTotals')
      return aside.parkedTotals(...asked)
    },
    clock,
    parkedNow: () => aside.names(),
    settled,
    outbox,
    documentsByName,
    positions,
    kept,
    inbox,
    performed,
    calls: [],
    stale: new Set(),
    pageMax: 500,
    deadlines,
    nowMs: () => performance.now(),
    firedMax: 500,
    before: () => {},
    afterSettle: () => {},
    afterFire: () => {},
    migrate: async () => {},
    async claim(place, topic) {
      await enter('claim')
      const { claim, startsOver } = claimAfter(positions.get(laneOf(place)), place, topic)
      positions.set(laneOf(place), claim)
      return { ...claim, ...claims.claimed(claim, startsOver) }
    },
    async suspect(held, offset) {
      await enter('suspect')
      if (positions.get(laneOf(held))?.epoch !== held.epoch)
        throw new TroupeError('TROUPE_FENCED', 'Another owner has the partition.')
      return claims.suspect(held, offset)
    },
    async acquit(held, offset) {
      await enter('acquit')
      if (offset !== undefined || positions.get(laneOf(held))?.epoch === held.epoch)
        claims.acquit(held, offset)
    },
    async recall(request) {
      await enter('recall')
      const found = request.steps.flatMap(({ saga, step }) => steps.get(pair(saga, step)) ?? [])
      const touched = request.steps.flatMap(({ saga, step, withDocuments }) =>
        withDocuments ? (steps.get(pair(saga, step))?.touched ?? []) : [],
      )
      const names = new Set([...request.documents, ...touched].map(documentName))
      return structuredClone({
        seen: request.events.filter(({ source, id }) => inbox.has(pair(source, id))),
        documents: [...names].flatMap((name) => documentsByName.get(name) ?? []),
        steps: found,
        answers: request.answers.flatMap((one) => answers.get(answerName(one)) ?? []),
        keys: aside.recall(request.keys ?? []),
        ...(request.performed && { performed: request.performed.flatMap((key) => performed.get(key) ?? []) }),
      })
    },
    async settle(settlement) {
      await enter('settle', settlement)
      const predecessors = write(settlement)
      await ledger.afterSettle(settlement)
      return { predecessors }
    },
    async keepPerformed(results) {
      await enter('keepPerformed')
      for (const one of results)
        if (!performed.has(one.idempotencyKey)) performed.set(one.idempotencyKey, structuredClone(one))
    },
    async positionOf(place) {
      await enter('positionOf')
      return positions.get(laneOf(place))
    },
    async unpublished(part) {
      await enter('unpublished')
      const found = [...outbox.values()].filter((one) =>
        'lane' in part ? one.lane === part.lane : ledger.stale.has(one.id),
      )
      return { found: found.map(({ id }) => id), next: undefined }
    },
    async outgoing(ids, after = 0n) {
      await enter('outgoing')
      const all = [...outbox.values()]
      const last = new Map<string | undefined, number>()
      for (const [place, one] of all.entries()) if (ids.includes(one.id)) last.set(orderOf(one), place)
      const found = all.filter(
        (one, place) =>
          ids.includes(one.id) || (orderOf(one) !== undefined && place < (last.get(orderOf(one)) ?? -1)),
      )
      const from = Number(after)
      const page = found.slice(from, from + ledger.pageMax)
      const next = from + page.length
      return { found: page, next: next < found.length ? BigInt(next) : undefined }
    },
    async fire() {
      await enter('fire')
      const now = ledger.nowMs()
      const byTime = [...deadlines].toSorted(([, one], [, other]) => one.dueMs - other.dueMs)
      const due = byTime.filter(([, { dueMs }]) => dueMs <= now).slice(0, ledger.firedMax)
      for (const [key, { record }] of due) {
        deadlines.delete(key)
        outbox.set(record.id, record)
      }
      const next = byTime[due.length]?.[1].dueMs
      await ledger.afterFire()
      return {
        records: due.map(([, { dueMs, record }]) => ({ id: record.id, lateMs: now - dueMs })),
        nextMs: next === undefined ? undefined : next - now,
      }
    },
    async pendingDeadlines() {
      await enter('pendingDeadlines')
      const dueMs = Math.min(...[...deadlines.values()].map((one) => one.dueMs))
      return { count: deadlines.size, overdueMs: Math.max(0, ledger.nowMs() - dueMs) }
    },
    async forget(what, olderThanMs) {
      await enter('forget')
      if (what === 'deadLetters' || what === 'actions')
        return { forgotten: olderThanMs === 0 ? aside.forget(what) : 0, next: undefined }
      const all = { inbox, answers, performed }[what]
      const forgotten = olderThanMs === 0 ? all.size : 0
      if (olderThanMs === 0) all.clear()
      return { forgotten, next: undefined }
    },
    async schemas() {
      await enter('schemas')
      return [...kept]
    },
    async keepSchemas(schemas) {
      await enter('keepSchemas')
      kept.push(...schemas)
    },
    document: async (name) => documentsByName.get(documentName(name)),
    documents: async () => [],
    ping: async () => {},
    close: async () => {},
  }

  async function enter(method: string, settlement?: Settlement): Promise<void> {
    ledger.calls.push(method)
    await ledger.before(method, settlement)
  }

  return ledger
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
