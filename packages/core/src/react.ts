import type { Verdict } from './admit.ts'
import { type Delivery, type DeriveId, idsOf, type Request, requestId, stepOf } from './delivery.ts'
import { documentName, type DocumentRef, type Json } from './document.ts'
import { type Envelope, headerNames, headersOf } from './envelope.ts'
import { TroupeError } from './errors.ts'
import type { AnyEventType } from './event-type.ts'
import { type Codec, commandLane, type DocumentName, type OutgoingRecord, type StoredStep } from './ports.ts'
import { refuseUnread, type Changes, type WorkingSet } from './working-set.ts'

/** What deciding needs beside the work itself: all that is not pure comes in here. */
export interface Deciding {
  readonly service: string
  readonly deriveId: DeriveId
  readonly encode: Codec['encode']
  /** Now, in milliseconds since the epoch. */
  readonly timeMs: number
  /** The largest encoded event that the broker takes, headers included. */
  readonly eventBytesMax: number
}

export interface Performed {
  /** What `perform` resolved to; undefined where there is none. */
  readonly performed: unknown
  /** For an undo: the decoded event by which its step said that it was done. */
  readonly done: object | undefined
}

/**
 * Runs a reaction on the working set and returns what it changes, without applying it.
 *
 * @param reads what the declaration's `reads` named for this delivery
 * @throws whatever the reaction throws; TroupeError `TROUPE_EVENT_NOT_DECLARED`, `TROUPE_EVENT_INVALID`,
 *   `TROUPE_EVENT_TOO_LARGE`, `TROUPE_DOCUMENT_NOT_READ`, `TROUPE_REACTION_ASYNC`
 */
export function reactTo(
  delivery: Delivery,
  reads: readonly DocumentName[],
  { performed, done }: Performed,
  set: WorkingSet,
  { deciding, lane }: { readonly deciding: Deciding; readonly lane: string },
): Changes {
  const { event, bound } = delivery
  const step = stepOf(delivery)
  const known = step && set.step(step)
  const isUndo = bound.reaction.form === 'undo'
  const handling = openHandling(
    `${deciding.service}.${bound.name}`,
    isUndo ? [...reads, ...(known?.touched ?? [])] : reads,
    set,
    deciding,
    {
      causeId: event.id,
      correlationId: event.correlationId,
      causationId: event.id,
      traceparent: event.traceparent,
      tracestate: event.tracestate,
      emits: bound.reaction.emits,
      lane,
    },
  )
  const context = { ...handling.context, performed, ...(isUndo ? { done } : {}) }
  refuseAsync(bound.reaction.react(event as never, context as never), `${deciding.service}.${bound.name}`)

  const doneRecord = handling.outbox.find(({ headers }) => headers[headerNames.type] === bound.doneType)
  const changedStep =
    step && stepAfter(step, { isUndo, known, done: doneRecord?.value ?? undefined, touched: reads })
  return {
    inbox: {
      source: event.source,
      id: event.id,
      type: event.type,
      saga: event.correlationId,
      outcome: 'applied',
    },
    documents: handling.documents,
    ...(changedStep ? { step: changedStep } : {}),
    outbox: handling.outbox,
  }
}

/** What is recorded of a delivery whose reaction does not run; undefined for a duplicate, of which nothing is. */
export function withoutRunning(delivery: Delivery, verdict: Exclude<Verdict, 'run'>): Changes | undefined {
  if (verdict === 'duplicate') return undefined
  const { event } = delivery
  const step = stepOf(delivery)
  return {
    inbox: {
      source: event.source,
      id: event.id,
      type: event.type,
      saga: event.correlationId,
      outcome: verdict,
    },
    documents: new Map(),
    ...(verdict === 'barred' && step ? { step: { ...step, state: 'barred', done: null, touched: [] } } : {}),
    outbox: [],
  }
}

/**
 * Runs a command on the working set and returns what it changes, its answer included, without applying it.
 *
 * @throws as {@link reactTo}
 */
export function decideOn(
  request: Request,
  reads: readonly DocumentName[],
  set: WorkingSet,
  deciding: Deciding,
): Changes & { readonly answer: NonNullable<Changes['answer']> } {
  const handling = openHandling(`${deciding.service}.${request.name}`, reads, set, deciding, {
    causeId: requestId(request),
    correlationId: undefined,
    causationId: undefined,
    traceparent: undefined,
    tracestate: undefined,
    emits: request.command.emits,
    lane: commandLane,
  })
  const answer = request.command.react(request.input as never, handling.context as never) as Json | undefined
  refuseAsync(answer, `${deciding.service}.${request.name}`)
  const { name: command, idempotencyKey, inputHash } = request
  return {
    documents: handling.documents,
    outbox: handling.outbox,
    answer: { command, idempotencyKey, inputHash, answer },
  }
}

interface Cause extends Pick<Envelope, 'causationId' | 'traceparent' | 'tracestate'> {
  /** From which ids are derived. */
  readonly causeId: string
  /** Undefined where a saga begins: then each emitted event's key names it. */
  readonly correlationId: string | undefined
  readonly emits: readonly AnyEventType[]
  readonly lane: string
}

/** One run of a handler: its context, and what it has said through it so far. */
function openHandling(
  handler: string,
  reads: readonly DocumentName[],
  set: WorkingSet,
  deciding: Deciding,
  cause: Cause,
) {
  const readable = new Set(reads.map(documentName))
  const documents = new Map<string, { name: DocumentName; state: object }>()
  const outbox: OutgoingRecord[] = []
  const context = {
    timeMs: deciding.timeMs,
    id: idsOf(deciding.deriveId, deciding.service, cause.causeId),
    get<State extends object>(ref: DocumentRef<State>): State {
      const name = documentName(ref)
      if (!readable.has(name)) refuseUnread(ref, handler)
      return (documents.get(name)?.state as State | undefined) ?? set.get(ref)
    },
    put<State extends object>(ref: DocumentRef<State>, state: State): void {
      const name = documentName(ref)
      if (!readable.has(name)) refuseUnread(ref, handler)
      documents.set(name, { name: { kind: ref.kind, key: ref.key }, state })
    },
    emit(type: AnyEventType, input: object): void {
      outbox.push(recordOf(type, input, { handler, ordinal: outbox.length, deciding, cause }))
    },
  }
  return { context, documents, outbox }
}

function recordOf(
  type: AnyEventType,
  input: object,
  {
    handler,
    ordinal,
    deciding,
    cause,
  }: { handler: string; ordinal: number; deciding: Deciding; cause: Cause },
): OutgoingRecord {
  if (!cause.emits.includes(type)) {
    throw new TroupeError(
      'TROUPE_EVENT_NOT_DECLARED',
      `${handler} emitted ${type.type}, which is not in its \`emits\`. Add it there.`,
      {
        details: { handler, type: type.type },
      },
    )
  }
  const data = type.complete(input) as object
  const value = deciding.encode(type, data)
  const key = type.keyOf(data)
  const id = deciding.deriveId(deciding.service, cause.causeId, 'event', String(ordinal))
  const headers = headersOf({
    id,
    type: type.type,
    source: deciding.service,
    timeMs: deciding.timeMs,
    key,
    correlationId: cause.correlationId ?? key,
    causationId: cause.causationId,
    traceparent: cause.traceparent,
    tracestate: cause.tracestate,
  })
  refuseTooLarge(type.type, value.length + sizeOf(headers) + key.length, deciding.eventBytesMax)
  return { id, lane: cause.lane, topic: type.topic, key, headers, value }
}

function stepAfter(
  name: { readonly saga: string; readonly step: string },
  {
    isUndo,
    known,
    done,
    touched,
  }: {
    isUndo: boolean
    known: StoredStep | undefined
    done: Uint8Array | undefined
    touched: readonly DocumentName[]
  },
): StoredStep | undefined {
  if (isUndo) return { ...name, state: 'undone', done: known?.done ?? null, touched: known?.touched ?? [] }
  if (!done) return undefined
  return { ...name, state: 'done', done, touched: touched.map(({ kind, key }) => ({ kind, key })) }
}

function refuseAsync(returned: unknown, handler: string): void {
  if (
    typeof returned === 'object' &&
    returned !== null &&
    'then' in returned &&
    typeof returned.then === 'function'
  ) {
    // Its rejection would otherwise be nobody's.
    Promise.resolve(returned as PromiseLike<unknown>).catch(() => {})
    throw new TroupeError(
      'TROUPE_REACTION_ASYNC',
      `${handler} returned a promise from \`react\`, which is synchronous. Move the call to the outside into \`perform\`.`,
      { details: { handler } },
    )
  }
}

function refuseTooLarge(type: string, bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return
  throw new TroupeError(
    'TROUPE_EVENT_TOO_LARGE',
    `${type} is ${bytes} bytes; the broker takes ${bytesMax}. Emit a reference to the data in place of the data.`,
    { details: { type, bytes, bytesMax } },
  )
}

function sizeOf(headers: Readonly<Record<string, string>>): number {
  let bytes = 0
  for (const [name, value] of Object.entries(headers)) bytes += name.length + value.length
  return bytes
}
