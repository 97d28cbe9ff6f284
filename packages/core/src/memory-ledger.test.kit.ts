// A ledger as small as it can be: remembers what is settled, and refuses what expects something else.
import { documentName } from './document.ts'
import { TroupeError } from './errors.ts'
import { memorySetAside, type MemorySetAside } from './memory-set-aside.ts'
import type {
  DeadlineWrite,
  InboxEntry,
  OutgoingRecord,
  RecallRequest,
  Recollection,
  StoredAnswer,
  StoredDocument,
  StoredStep,
} from './ports.ts'
import type { WorkingSet } from './working-set.ts'

export interface MemoryLedger {
  recall(request: RecallRequest): Recollection
  /** @throws TroupeError `TROUPE_CONFLICT`, and nothing is written */
  settle(writes: ReturnType<WorkingSet['writes']>): void
  /** Everything that effects consist of, comparable. Document versions are left out: they count batches. */
  effects(): {
    readonly inbox: readonly InboxEntry[]
    readonly documents: Readonly<Record<string, unknown>>
    readonly steps: Readonly<Record<string, unknown>>
    readonly outbox: readonly OutgoingRecord[]
    readonly answers: readonly StoredAnswer[]
    readonly deadlines: Readonly<Record<string, DeadlineWrite['set']>>
  }
  readonly documents: ReadonlyMap<string, StoredDocument>
  readonly aside: MemorySetAside
}

export function memoryLedger(nowMs = () => 0): MemoryLedger {
  const inbox: InboxEntry[] = []
  const aside = memorySetAside({
    nowMs,
    inbox: {
      forgetDeadLetter: ({ source, id }) => {
        const place = inbox.findIndex(
          (one) => one.source === source && one.id === id && one.outcome === 'dead-lettered',
        )
        if (place >= 0) inbox.splice(place, 1)
      },
      addDeadLetter: (event) => void inbox.push({ ...event, outcome: 'dead-lettered' }),
    },
  })
  const documents = new Map<string, StoredDocument>()
  const steps = new Map<string, StoredStep>()
  const answers: StoredAnswer[] = []
  const outbox: OutgoingRecord[] = []
  const deadlines = new Map<string, DeadlineWrite['set']>()
  const nameOf = ({ saga, step }: { saga: string; step: string }) => JSON.stringify([saga, step])
  const hasSeen = (event: { source: string; id: string }) =>
    inbox.some(({ source, id }) => source === event.source && id === event.id)

  return {
    documents,
    aside,
    recall(request) {
      const recalled = request.steps.flatMap((name) => steps.get(nameOf(name)) ?? [])
      const touched = request.steps.flatMap((name) =>
        name.withDocuments ? (steps.get(nameOf(name))?.touched ?? []) : [],
      )
      const names = new Set([...request.documents, ...touched].map(documentName))
      return structuredClone({
        seen: request.events.filter(hasSeen),
        documents: [...names].flatMap((name) => documents.get(name) ?? []),
        steps: recalled,
        answers: answers.filter((answer) =>
          request.answers.some(
            ({ command, idempotencyKey }) =>
              command === answer.command && idempotencyKey === answer.idempotencyKey,
          ),
        ),
        keys: aside.recall(request.keys ?? []),
      })
    },
    settle(writes) {
      const isStale =
        [...writes.documents, ...writes.documentsRead].some(
          (one) => (documents.get(documentName(one))?.version ?? 0) !== one.expectedVersion,
        ) ||
        writes.steps.some((one) => steps.get(nameOf(one))?.state !== one.expectedState) ||
        writes.inbox.some(hasSeen) ||
        (writes.parking && aside.changed(writes.parking).length > 0)
      if (isStale) throw new TroupeError('TROUPE_CONFLICT', 'Something changed since it was recalled.')
      for (const { kind, key, expectedVersion, state } of writes.documents) {
        // Through JSON, as in a database.
        const stored: unknown = JSON.parse(JSON.stringify(state))
        documents.set(documentName({ kind, key }), { kind, key, version: expectedVersion + 1, state: stored })
      }
      for (const { expectedState: _, ...step } of writes.steps) steps.set(nameOf(step), step)
      inbox.push(...writes.inbox)
      answers.push(...writes.answers)
      outbox.push(...writes.outbox)
      if (writes.parking) aside.write(writes.parking)
      for (const { saga, name, set } of writes.deadlines) {
        if (set) deadlines.set(JSON.stringify([saga, name]), set)
        else deadlines.delete(JSON.stringify([saga, name]))
      }
    },
    effects: () => ({
      inbox,
      documents: Object.fromEntries([...documents].map(([name, { state }]) => [name, state])),
      steps: Object.fromEntries(steps),
      outbox,
      answers,
      deadlines: Object.fromEntries([...deadlines].toSorted(([one], [other]) => (one < other ? -1 : 1))),
    }),
  }
}
