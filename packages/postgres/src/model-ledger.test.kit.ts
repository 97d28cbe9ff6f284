import {
  type Claim,
  type DocumentName,
  type EventName,
  type Ledger,
  type OutgoingRecord,
  type StoredAnswer,
  type StoredDocument,
  type StoredResult,
  type StoredSchema,
  type StoredStep,
  TroupeError,
  type TroupeErrorCode,
} from '@troupe/core'
import { claimAfter, memoryClaims } from '@troupe/core/memory-claims'
import { memorySetAside } from '@troupe/core/memory-set-aside'

/**
 * The ledger's contract in its simplest form: maps in memory, one settlement after the other. What
 * PostgreSQL does is compared with it.
 */
export function modelLedger(): () => Ledger {
  const positions = new Map<string, Claim>()
  /** What became of each event. */
  const inbox = new Map<string, string>()
  const documents = new Map<string, StoredDocument>()
  const steps = new Map<string, StoredStep>()
  const answers = new Map<string, StoredAnswer>()
  const outbox = new Map<string, OutgoingRecord>()
  const performed = new Map<string, StoredResult>()
  const deadlines = new Map<string, { readonly dueMs: number; readonly record: OutgoingRecord }>()
  const schemas = new Map<string, StoredSchema>()
  const claims = memoryClaims()
  const aside = memorySetAside({
    nowMs: Date.now,
    inbox: {
      forgetDeadLetter: (event) => {
        if (inbox.get(eventName(event)) === 'dead-lettered') inbox.delete(eventName(event))
      },
      addDeadLetter: (event) => {
        if (!inbox.has(eventName(event))) inbox.set(eventName(event), 'dead-lettered')
      },
    },
  })

  return () => {
    let isOpen = true
    const whileOpen = async <Result>(work: () => Result): Promise<Result> => {
      if (!isOpen) throw refused('TROUPE_STOPPED', 'closed')
      return work()
    }
    return {
      ...aside,
      migrate: () => whileOpen(() => {}),
      claim: (place, topic) =>
        whileOpen(() => {
          const at = name(place.topic, place.partition)
          const { claim, startsOver } = claimAfter(positions.get(at), place, topic)
          positions.set(at, claim)
          return { ...claim, ...claims.claimed(claim, startsOver) }
        }),
      suspect: (held, offset) =>
        whileOpen(() => {
          if (positions.get(name(held.topic, held.partition))?.epoch !== held.epoch)
            throw refused('TROUPE_FENCED', 'another owner')
          return claims.suspect(held, offset)
        }),
      acquit: (held, offset) =>
        whileOpen(() => {
          const stored = positions.get(name(held.topic, held.partition))
          if (offset !== undefined || stored?.epoch === held.epoch) claims.acquit(held, offset)
        }),
      recall: (request) =>
        whileOpen(() => {
          const asked = request.steps.flatMap(({ saga, step }) => found(steps, name(saga, step)))
          const undone = request.steps.filter(({ withDocuments }) => withDocuments)
          const touched = undone.flatMap(({ saga, step }) => steps.get(name(saga, step))?.touched ?? [])
          const wanted = new Set([...request.documents, ...touched].map(documentName))
          for (const one of [...request.documents, ...touched]) refuseUnfit(one.key)
          return {
            seen: request.events
              .filter((event) => inbox.has(eventName(event)))
              .map(({ source, id }) => ({ source, id })),
            documents: [...wanted].flatMap((one) => found(documents, one)),
            steps: asked,
            answers: request.answers.flatMap((one) => found(answers, name(one.command, one.idempotencyKey))),
            keys: aside.recall(request.keys ?? []),
            ...(request.performed && {
              performed: request.performed.flatMap((key) => found(performed, key)),
            }),
          }
        }),
      settle: (settlement) =>
        whileOpen(() => {
          const { position } = settlement
          if (position) {
            const { topic, partition } = position
            const stored = positions.get(name(topic, partition))
            if (stored?.epoch !== position.epoch || stored.next !== position.from) {
              const tell = (claim: { epoch: number; next: bigint | undefined }) => ({
                epoch: claim.epoch,
                next: claim.next === undefined ? null : String(claim.next),
              })
              throw refused('TROUPE_FENCED', 'another position', {
                topic,
                partition,
                expected: tell({ epoch: position.epoch, next: position.from }),
                found: stored ? tell(stored) : null,
              })
            }
          }
          for (const { key } of settlement.documents) refuseUnfit(key)
          const changed = [
            ...settlement.inbox.map(eventName).filter((one) => inbox.has(one)),
            ...settlement.answers
              .map((one) => name(one.command, one.idempotencyKey))
              .filter((one) => answers.has(one)),
            ...settlement.steps
              .filter((one) => steps.get(name(one.saga, one.step))?.state !== one.expectedState)
              .map(({ saga, step }) => `${saga}/${step}`),
            ...[...settlement.documents, ...settlement.documentsRead]
              .filter((one) => (documents.get(documentName(one))?.version ?? 0) !== one.expectedVersion)
              .map(({ kind, key }) => `${kind}/${key}`),
            ...(settlement.parking ? aside.changed(settlement.parking) : []),
          ]
          if (changed.length > 0) throw refused('TROUPE_CONFLICT', changed.join())

          if (position) {
            const { topic, partition, to: next } = position
            const held = positions.get(name(topic, partition))
            if (held) positions.set(name(topic, partition), { ...held, next })
          }
          for (const one of settlement.inbox) inbox.set(eventName(one), one.outcome)
          for (const one of settlement.answers) answers.set(name(one.command, one.idempotencyKey), one)
          for (const { expectedState: _, ...step } of settlement.steps)
            steps.set(name(step.saga, step.step), step)
          for (const { kind, key, expectedVersion, state } of settlement.documents)
            documents.set(documentName({ kind, key }), {
              kind,
              key,
              version: expectedVersion + 1,
              state: JSON.parse(JSON.stringify(state)),
            })
          for (const { saga, name: own, set } of settlement.deadlines) {
            const key = name(saga, own)
            if (!set) deadlines.delete(key)
            else if (deadlines.get(key)?.record.id !== set.record.id) {
              const dueMs = 'afterMs' in set.due ? Date.now() + set.due.afterMs : set.due.atMs
              deadlines.set(key, { dueMs, record: withoutAbsent(set.record) })
            }
          }
          for (const id of settlement.published) outbox.delete(id)
          for (const key of settlement.performed ?? []) performed.delete(key)
          const keyed = new Set(settlement.outbox.map(orderOf))
          keyed.delete(undefined)
          const earlier = [...outbox.values()].filter((one) => keyed.has(orderOf(one)))
          for (const one of settlement.outbox) outbox.set(one.id, withoutAbsent(one))
          if (settlement.parking) aside.write(settlement.parking)
          return { predecessors: earlier.map(({ id }) => id) }
        }),
      keepPerformed: (results) =>
        whileOpen(() => {
          for (const one of results)
            if (!performed.has(one.idempotencyKey)) performed.set(one.idempotencyKey, one)
        }),
      positionOf: ({ topic, partition }) =>
        whileOpen(() => {
          const claim = positions.get(name(topic, partition))
          return claim && { ...claim }
        }),
      // One page: what fits into one is the other ledger's business. Nothing here is ever old.
      unpublished: (part) =>
        whileOpen(() => ({
          found: [...outbox.values()]
            .filter((one) => 'lane' in part && one.lane === part.lane)
            .map(({ id }) => id),
          next: undefined,
        })),
      outgoing: (ids) =>
        whileOpen(() => {
          const asked = new Map<string | undefined, number>()
          const all = [...outbox.values()]
          for (const [place, one] of all.entries()) if (ids.includes(one.id)) asked.set(orderOf(one), place)
          const isBefore = (one: OutgoingRecord, place: number) =>
            orderOf(one) !== undefined && place < (asked.get(orderOf(one)) ?? -1)
          return {
            found: all.filter((one, place) => ids.includes(one.id) || isBefore(one, place)),
            next: undefined,
          }
        }),
      fire: () =>
        whileOpen(() => {
          const nowMs = Date.now()
          const byTime = [...deadlines].toSorted(([, one], [, other]) => one.dueMs - other.dueMs)
          const due = byTime.filter(([, { dueMs }]) => dueMs <= nowMs)
          for (const [key, { record }] of due) {
            deadlines.delete(key)
            outbox.set(record.id, record)
          }
          const next = byTime[due.length]?.[1].dueMs
          return {
            records: due.map(([, { record, dueMs }]) => ({ id: record.id, lateMs: nowMs - dueMs })),
            nextMs: next === undefined ? undefined : next - nowMs,
          }
        }),
      pendingDeadlines: () =>
        whileOpen(() => {
          const dueMs = Math.min(...[...deadlines.values()].map((one) => one.dueMs))
          return { count: deadlines.size, overdueMs: Math.max(0, Date.now() - dueMs) }
        }),
      // Everything is older than nothing; how old it is, nobody here knows.
      forget: (what, olderThanMs) =>
        whileOpen(() => {
          if (what === 'deadLetters' || what === 'actions')
            return { forgotten: olderThanMs === 0 ? aside.forget(what) : 0, next: undefined }
          const all = { inbox, answers, performed }[what]
          const forgotten = olderThanMs === 0 ? all.size : 0
          if (olderThanMs === 0) all.clear()
          return { forgotten, next: undefined }
        }),
      schemas: () => whileOpen(() => [...schemas.values()]),
      keepSchemas: (kept) =>
        whileOpen(() => {
          for (const one of kept) {
            schemas.delete(name(one.id, one.fingerprint))
            schemas.set(name(one.id, one.fingerprint), one)
          }
        }),
      document: (one) =>
        whileOpen(() => {
          refuseUnfit(one.key)
          return documents.get(documentName(one))
        }),
      documents: (kind, { after = '', limit }) =>
        whileOpen(() => {
          if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1_000))
            throw refused('TROUPE_DOCUMENT_INVALID', 'limit')
          const inKind = [...documents.values()].filter(
            (one) => one.kind === kind && byBytes(one.key, after) > 0,
          )
          return inKind.toSorted((left, right) => byBytes(left.key, right.key)).slice(0, limit)
        }),
      ping: () => whileOpen(() => {}),
      async close() {
        isOpen = false
      },
    }
  }
}

const name = (...parts: readonly (string | number)[]) => JSON.stringify(parts)
const eventName = ({ source, id }: EventName) => `${source}/${id}`
const documentName = ({ kind, key }: DocumentName) => `${kind}/${key}`
const byBytes = (left: string, right: string) => Buffer.compare(Buffer.from(left), Buffer.from(right))

/** Records with the same answer keep their order; the others have none. */
function orderOf({ topic, key }: OutgoingRecord): string | undefined {
  return typeof key === 'string' ? name(topic, key) : undefined
}

function found<Value>(map: ReadonlyMap<string, Value>, key: string): Value[] {
  const value = map.get(key)
  return value === undefined ? [] : [value]
}

function withoutAbsent(record: OutgoingRecord): OutgoingRecord {
  const headers = Object.entries(record.headers).filter(([, value]) => value !== undefined)
  return { ...record, headers: Object.fromEntries(headers) }
}

function refuseUnfit(key: string): void {
  if (/[\0\p{Cs}]/u.test(key)) throw new Error(`The document key ${JSON.stringify(key)} cannot be stored.`)
}

function refused(code: TroupeErrorCode, message: string, details = {}): TroupeError {
  return new TroupeError(code, message, { details })
}
