import { refuseUnfitDeadlineName, type When } from '../declare/deadline.ts'
import { idsOf } from './delivery.ts'
import { documentName, type DocumentRef, refuseUnfitRef } from '../declare/document.ts'
import { TroupeError } from '../errors.ts'
import type { AnyEventType } from '../declare/event-type.ts'
import { flawOfJson, freeze } from '../event/json.ts'
import type { DeadlineWrite, DocumentName, OutgoingRecord } from '../ports.ts'
import { isPromised } from '../declare/promised.ts'
import { shown } from '../declare/shown.ts'
import type { Sql } from '../declare/tables.ts'
import { type Cause, type Deciding, emitNow, scheduleLater, waitFrom } from './saying.ts'
import { type Changes, refuseUnread, type WorkingSet } from './working-set.ts'

/** One run of a handler, and what it said. */
export interface Handling {
  readonly documents: Changes['documents']
  readonly outbox: readonly OutgoingRecord[]
  readonly deadlines: readonly DeadlineWrite[]
  /** Runs `react` and returns what it returned. Afterwards its context refuses to put or emit. */
  run(react: (input: never, context: never) => unknown, input: object): unknown
  /** Runs `transact`, with no documents. Its context refuses to emit once it has ended, or its signal aborts. */
  runLater(
    transact: (input: never, context: never) => Promise<unknown>,
    input: object,
    tables: TablesInHand,
  ): Promise<void>
}

/** What `transact` works on, as long as its signal does not abort. */
export interface TablesInHand {
  readonly sql: Sql
  readonly signal: AbortSignal
}

/** Makes a handler's context on a working set, in which it can run once. */
export function openHandling(
  handler: string,
  reads: readonly DocumentName[],
  set: WorkingSet,
  deciding: Deciding,
  cause: Cause,
): Handling {
  const readable = new Set(reads.map(documentName))
  const documents = new Map<string, { name: DocumentName; state: object }>()
  const outbox: OutgoingRecord[] = []
  const deadlines: DeadlineWrite[] = []
  let hasReturned = false
  const context = {
    performed: cause.performed,
    done: cause.done,
    timeMs: deciding.timeMs,
    id: idsOf(deciding.deriveId, deciding.service, cause.causeId),
    get<State extends object>(ref: DocumentRef<State>): State {
      refuseUnfitRef(ref, handler)
      const name = documentName(ref)
      if (!readable.has(name)) refuseUnread(ref, handler)
      return (documents.get(name)?.state as State | undefined) ?? set.get(ref)
    },
    put<State extends object>(ref: DocumentRef<State>, state: State): void {
      if (hasReturned) refuseLate(handler)
      refuseUnfitRef(ref, handler)
      const name = documentName(ref)
      if (!readable.has(name)) refuseUnread(ref, handler)
      refuseUnfitState(ref, state, handler)
      documents.set(name, { name: { kind: ref.kind, key: ref.key }, state: freeze(state) })
    },
    emit(type: AnyEventType, input: object): void {
      if (hasReturned) refuseLate(handler)
      const { said, data } = emitNow(type, input, outbox.length, { handler, deciding, cause })
      outbox.push(said)
      if (cause.deadline?.from === type)
        deadlines.push(waitFrom(said, data, cause.deadline, { handler, deciding, cause }))
    },
    schedule(type: AnyEventType, input: object, when: When & { readonly name?: string }): void {
      if (hasReturned) refuseLate(handler)
      deadlines.push(scheduleLater(type, input, when, { handler, deciding, cause }))
    },
    lift(what: AnyEventType | string, saga = cause.correlationId): void {
      if (hasReturned) refuseLate(handler)
      const name = typeof what === 'string' ? what : (what as AnyEventType | null | undefined)?.type
      refuseUnfitDeadlineName(saga ?? '', name, handler)
      deadlines.push({ saga: saga ?? '', name: name as string, set: undefined })
    },
  }
  function run(react: (input: never, context: never) => unknown, input: object): unknown {
    try {
      const returned = react(input as never, context as never)
      refuseAsync(returned, handler)
      return returned
    } finally {
      hasReturned = true
    }
  }
  async function runLater(
    transact: (input: never, context: never) => Promise<unknown>,
    input: object,
    { sql, signal }: TablesInHand,
  ): Promise<void> {
    const { performed, done, timeMs, id, emit, schedule, lift } = context
    // Whoever gave up waiting for it does not see it end.
    const giveUp = () => void (hasReturned = true)
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      const given = { performed, done, timeMs, id, emit, schedule, lift, sql, signal }
      await transact(input as never, given as never)
    } finally {
      hasReturned = true
      signal.removeEventListener('abort', giveUp)
    }
  }
  return { documents, outbox, deadlines, run, runLater }
}

function refuseAsync(returned: unknown, handler: string): void {
  if (!isPromised(returned)) return
  throw new TroupeError(
    'TROUPE_REACTION_ASYNC',
    `${handler} returned a promise from \`react\`, which is synchronous. Move the call to the outside into \`perform\`.`,
    { details: { handler } },
  )
}

/** What is said after the return would be in nobody's transaction. */
function refuseLate(handler: string): never {
  throw new TroupeError(
    'TROUPE_REACTION_ASYNC',
    `${handler} put or emitted something after it had ended. Say it before: \`react\` is synchronous, and \`transact\` awaits whatever it does.`,
    { details: { handler } },
  )
}

/** The document that the next event gets would not be the one that was put. */
function refuseUnfitState({ kind, key }: DocumentName, state: unknown, handler: string): void {
  const isObject = typeof state === 'object' && state !== null
  const flaw = isObject ? flawOfJson(state) : shown(state)
  if (!flaw) return
  throw new TroupeError(
    'TROUPE_DOCUMENT_INVALID',
    `${handler} put a document ${kind}/${key} that ${isObject ? `cannot be kept as JSON: ${flaw}. Put plain data` : `is ${flaw}. Put an object`}.`,
    { details: { handler, kind, key } },
  )
}
