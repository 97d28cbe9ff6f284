// The state of one batch while it is being decided.
//
// Invariants
// 1. What a reaction reads includes what earlier deliveries of the same batch wrote.
// 2. A delivery's changes enter the set all together, by `apply`, or not at all: a reaction that
//    throws half-way leaves no trace, not even in the documents it got: they are frozen.
// 3. The set never forgets what was stored when it was recalled: every write carries the version or
//    state that it expects to find, so that the ledger can refuse it. So does every document that a
//    reaction got and nobody wrote: it was decided on, too.
//
// Owned by one batch; lives from recall to settle, and is thrown away when the batch is tried again.

import { documentName, type DocumentRef } from '../declare/document.ts'
import type { DoubtChange, DoubtWrites } from './doubt.ts'
import { type DoubtSet, doubtSet } from './doubt-set.ts'
import { TroupeError } from '../errors.ts'
import { freeze } from '../event/json.ts'
import { type AsideChange, type KeySet, keySet } from './key-set.ts'
import { pairMap } from '../declare/name.ts'
import type {
  DeadlineWrite,
  DocumentName,
  DocumentRead,
  DocumentWrite,
  InboxEntry,
  OutgoingRecord,
  Recollection,
  StepName,
  StepState,
  StepWrite,
  StoredAnswer,
  StoredResult,
  StoredStep,
} from '../ports.ts'
import type { EventName } from '../event/record.ts'
import type { Parking } from '../aside/set-aside.ts'

/** What one delivery or command changes. */
export interface Changes {
  readonly inbox?: InboxEntry
  readonly answer?: StoredAnswer
  /** By {@link documentName}; each state frozen. */
  readonly documents: ReadonlyMap<string, { readonly name: DocumentName; readonly state: object }>
  readonly step?: StoredStep | undefined
  readonly outbox: readonly OutgoingRecord[]
  readonly aside?: readonly AsideChange[]
  /** In the order in which they were set and lifted. */
  readonly deadlines?: readonly DeadlineWrite[]
  readonly doubt?: DoubtChange | undefined
}

export interface WorkingSet {
  /** Which keys are parked. */
  readonly keys: KeySet
  /** What is in doubt about steps. */
  readonly doubts: Pick<DoubtSet, 'of'>
  hasSeen(event: EventName): boolean
  step(name: StepName): StoredStep | undefined
  answer(command: string, idempotencyKey: string): StoredAnswer | undefined
  /** What the ledger knows of a call to the outside. */
  performed(idempotencyKey: string): StoredResult | undefined
  /** The document as it stands, or its initial state. */
  get<State extends object>(ref: DocumentRef<State>): State
  apply(changes: Changes): void
  /** All that was applied, ready to be settled. */
  writes(): {
    readonly inbox: readonly InboxEntry[]
    readonly documents: readonly DocumentWrite[]
    readonly documentsRead: readonly DocumentRead[]
    readonly steps: readonly StepWrite[]
    readonly answers: readonly StoredAnswer[]
    readonly outbox: readonly OutgoingRecord[]
    readonly parking: Parking | undefined
    /** Of one name, the last. */
    readonly deadlines: readonly DeadlineWrite[]
    readonly doubts: DoubtWrites | undefined
  }
}

interface HeldDocument {
  readonly name: DocumentName
  readonly version: number
  /** As stored, until first read; then as its type, and frozen. */
  state: unknown
  isParsed: boolean
  isRead: boolean
  isChanged: boolean
}

/** Opens a working set on what the ledger recalled. */
export function workingSet(recalled: Recollection): WorkingSet {
  const seen = pairMap<true>()
  for (const { source, id } of recalled.seen) seen.set(source, id, true)
  const documents = new Map<string, HeldDocument>()
  for (const { kind, key, version, state } of recalled.documents) {
    documents.set(documentName({ kind, key }), {
      name: { kind, key },
      version,
      state,
      isParsed: false,
      isRead: false,
      isChanged: false,
    })
  }
  const stepsBefore = pairMap<StoredStep>()
  for (const step of recalled.steps) stepsBefore.set(step.step, step.saga, step)
  const steps = pairMap<{ readonly step: StoredStep; readonly expectedState: StepState | undefined }>()
  const answers = pairMap<StoredAnswer>()
  for (const answer of recalled.answers) answers.set(answer.command, answer.idempotencyKey, answer)
  const results = new Map(recalled.performed?.map((one) => [one.idempotencyKey, one]))
  const inbox: InboxEntry[] = []
  const newAnswers: StoredAnswer[] = []
  const outbox: OutgoingRecord[] = []
  const keys = keySet(recalled.keys)
  const doubts = doubtSet(recalled.doubts)
  const deadlines = pairMap<DeadlineWrite>()

  return {
    keys,
    doubts,
    hasSeen: ({ source, id }) => seen.get(source, id) === true,
    step: ({ saga, step }) => steps.get(step, saga)?.step ?? stepsBefore.get(step, saga),
    performed: (idempotencyKey) => results.get(idempotencyKey),
    answer: (command, idempotencyKey) => answers.get(command, idempotencyKey),
    get<State extends object>(ref: DocumentRef<State>): State {
      const held = documents.get(documentName(ref))
      if (!held) {
        const state = freeze(ref.document.initial(ref.key))
        const name = { kind: ref.kind, key: ref.key }
        documents.set(documentName(ref), {
          name,
          version: 0,
          state,
          isParsed: true,
          isRead: true,
          isChanged: false,
        })
        return state
      }
      // Before it is parsed: one that does not fit its type any more is decided on as well.
      held.isRead = true
      if (!held.isParsed) {
        held.state = freeze(ref.document.parse(held.state, ref.key))
        held.isParsed = true
      }
      return held.state as State
    },
    apply(changes) {
      for (const [name, { name: ref, state }] of changes.documents) {
        const version = documents.get(name)?.version ?? 0
        documents.set(name, {
          name: ref,
          version,
          state,
          isParsed: true,
          isRead: true,
          isChanged: true,
        })
      }
      if (changes.step) {
        const { saga, step } = changes.step
        const earlier = steps.get(step, saga)
        const expectedState = earlier ? earlier.expectedState : stepsBefore.get(step, saga)?.state
        steps.set(step, saga, { step: changes.step, expectedState })
      }
      if (changes.inbox) {
        seen.set(changes.inbox.source, changes.inbox.id, true)
        inbox.push(changes.inbox)
      }
      if (changes.answer) {
        answers.set(changes.answer.command, changes.answer.idempotencyKey, changes.answer)
        newAnswers.push(changes.answer)
      }
      for (const record of changes.outbox) outbox.push(record)
      if (changes.aside) keys.apply(changes.aside)
      if (changes.doubt) doubts.apply(changes.doubt)
      for (const one of changes.deadlines ?? []) deadlines.set(one.name, one.saga, one)
    },
    writes: () => ({
      inbox,
      documents: [...documents.values()]
        .filter(({ isChanged }) => isChanged)
        .map(({ name, version, state }) => ({
          kind: name.kind,
          key: name.key,
          expectedVersion: version,
          state: state as object,
        })),
      documentsRead: [...documents.values()]
        .filter(({ isRead, isChanged }) => isRead && !isChanged)
        .map(({ name, version }) => ({ kind: name.kind, key: name.key, expectedVersion: version })),
      steps: steps.values().map(({ step, expectedState }) => ({
        saga: step.saga,
        step: step.step,
        state: step.state,
        done: step.done,
        touched: step.touched,
        expectedState,
      })),
      answers: newAnswers,
      outbox,
      parking: keys.writes(),
      deadlines: deadlines.values(),
      doubts: doubts.writes(),
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
