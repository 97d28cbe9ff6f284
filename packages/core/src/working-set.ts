// The state of one batch while it is being decided.
//
// Invariants
// 1. What a reaction reads includes what earlier deliveries of the same batch wrote.
// 2. A delivery's changes enter the set all together, by `apply`, or not at all: a reaction that
//    throws half-way leaves no trace.
// 3. The set never forgets what was stored when it was recalled: every write carries the version or
//    state that it expects to find, so that the ledger can refuse it.
//
// Owned by one batch; lives from recall to settle, and is thrown away when the batch is tried again.

import { eventKey, stepKey } from './delivery.ts'
import { documentName, type DocumentRef } from './document.ts'
import { TroupeError } from './errors.ts'
import type {
  DocumentName,
  DocumentWrite,
  EventName,
  InboxEntry,
  OutgoingRecord,
  Recollection,
  StepName,
  StepState,
  StepWrite,
  StoredAnswer,
  StoredStep,
} from './ports.ts'

/** What one delivery or command changes. */
export interface Changes {
  readonly inbox?: InboxEntry
  readonly answer?: StoredAnswer
  readonly documents: ReadonlyMap<string, { readonly name: DocumentName; readonly state: object }>
  readonly step?: StoredStep
  readonly outbox: readonly OutgoingRecord[]
}

export interface WorkingSet {
  hasSeen(event: EventName): boolean
  step(name: StepName): StoredStep | undefined
  answer(command: string, idempotencyKey: string): StoredAnswer | undefined
  /** The document as it stands, or its initial state. */
  get<State extends object>(ref: DocumentRef<State>): State
  apply(changes: Changes): void
  /** All that was applied, ready to be settled. */
  writes(): {
    readonly inbox: readonly InboxEntry[]
    readonly documents: readonly DocumentWrite[]
    readonly steps: readonly StepWrite[]
    readonly answers: readonly StoredAnswer[]
    readonly outbox: readonly OutgoingRecord[]
  }
}

interface HeldDocument {
  readonly name: DocumentName
  readonly version: number
  /** As stored, until first read as its type; then the typed state. */
  state: unknown
  isParsed: boolean
  isChanged: boolean
}

/** Opens a working set on what the ledger recalled. */
export function workingSet(recalled: Recollection): WorkingSet {
  const seen = new Set(recalled.seen.map(eventKey))
  const documents = new Map<string, HeldDocument>()
  for (const { kind, key, version, state } of recalled.documents) {
    documents.set(documentName({ kind, key }), {
      name: { kind, key },
      version,
      state,
      isParsed: false,
      isChanged: false,
    })
  }
  const stepsBefore = new Map(recalled.steps.map((step) => [stepKey(step), step]))
  const steps = new Map<
    string,
    { readonly step: StoredStep; readonly expectedState: StepState | undefined }
  >()
  const answers = new Map(
    recalled.answers.map((answer) => [answerKey(answer.command, answer.idempotencyKey), answer]),
  )
  const inbox: InboxEntry[] = []
  const newAnswers: StoredAnswer[] = []
  const outbox: OutgoingRecord[] = []

  return {
    hasSeen: (event) => seen.has(eventKey(event)),
    step: (name) => steps.get(stepKey(name))?.step ?? stepsBefore.get(stepKey(name)),
    answer: (command, idempotencyKey) => answers.get(answerKey(command, idempotencyKey)),
    get<State extends object>(ref: DocumentRef<State>): State {
      const held = documents.get(documentName(ref))
      if (!held) return ref.document.initial(ref.key)
      if (!held.isParsed) {
        held.state = ref.document.parse(held.state, ref.key)
        held.isParsed = true
      }
      return held.state as State
    },
    apply(changes) {
      for (const [name, { name: ref, state }] of changes.documents) {
        const version = documents.get(name)?.version ?? 0
        documents.set(name, { name: ref, version, state, isParsed: true, isChanged: true })
      }
      if (changes.step) {
        const name = stepKey(changes.step)
        const expectedState = steps.has(name) ? steps.get(name)?.expectedState : stepsBefore.get(name)?.state
        steps.set(name, { step: changes.step, expectedState })
      }
      if (changes.inbox) {
        seen.add(eventKey(changes.inbox))
        inbox.push(changes.inbox)
      }
      if (changes.answer) {
        answers.set(answerKey(changes.answer.command, changes.answer.idempotencyKey), changes.answer)
        newAnswers.push(changes.answer)
      }
      outbox.push(...changes.outbox)
    },
    writes: () => ({
      inbox,
      documents: [...documents.values()]
        .filter(({ isChanged }) => isChanged)
        .map(({ name, version, state }) => ({ ...name, expectedVersion: version, state: state as object })),
      steps: [...steps.values()].map(({ step, expectedState }) => ({ ...step, expectedState })),
      answers: newAnswers,
      outbox,
    }),
  }
}

/** Refuses a document that the declaration's `reads` did not name. */
export function refuseUnread(ref: DocumentName, reader: string): never {
  throw new TroupeError(
    'TROUPE_DOCUMENT_NOT_READ',
    `${reader} touched the document ${ref.kind}/${ref.key}, which its \`reads\` did not name. Add it to \`reads\`.`,
    { details: { ...ref, reader } },
  )
}

function answerKey(command: string, idempotencyKey: string): string {
  return JSON.stringify([command, idempotencyKey])
}
