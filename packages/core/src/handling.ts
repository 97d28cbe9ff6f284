import { type DeriveId, idsOf } from './delivery.ts'
import { documentName, type DocumentRef } from './document.ts'
import { type Envelope, headersOf, type TraceContext } from './envelope.ts'
import { TroupeError } from './errors.ts'
import type { AnyEventType } from './event-type.ts'
import { flawOfJson, freeze } from './json.ts'
import { flawOfName } from './name.ts'
import type { Codec, DocumentName, OutgoingRecord } from './ports.ts'
import { type Changes, refuseUnread, type WorkingSet } from './working-set.ts'

/** What deciding needs beside the work itself: all that is not pure comes in here. */
export interface Deciding {
  readonly service: string
  readonly deriveId: DeriveId
  readonly encode: Codec['encode']
  readonly schemaNameOf: Codec['schemaNameOf']
  /** Now, in milliseconds since the epoch. */
  readonly timeMs: number
  /** The largest record batch that the broker takes (`message.max.bytes`): an event alone must fit, headers included. */
  readonly eventBytesMax: number
}

/** What is known of an event while its envelope is made. */
export type Emitted = Pick<Envelope, 'id' | 'type' | 'key' | 'correlationId'> & { readonly topic: string }

/** Gives an emitted event a trace context of its own; called once for each, in the order of emission. */
export type TraceEmitted = (emitted: Emitted) => TraceContext

/** Why a handler runs, and what it may do. */
export interface Cause extends Pick<Envelope, 'causationId'> {
  /** From which ids are derived. */
  readonly causeId: string
  /** Undefined where a saga begins: then each emitted event's key names it. */
  readonly correlationId: string | undefined
  readonly emits: readonly AnyEventType[]
  readonly lane: string
  readonly performed: unknown
  /** For an undo only. */
  readonly done: object | undefined
  /** What emitted events carry on, unless `traceEmitted` gives them their own. */
  readonly trace: TraceContext
  readonly traceEmitted: TraceEmitted | undefined
}

/** One run of a handler, and what it said. */
export interface Handling {
  readonly documents: Changes['documents']
  readonly outbox: readonly OutgoingRecord[]
  /** Runs `react` and returns what it returned. Afterwards its context refuses to put or emit. */
  run(react: (input: never, context: never) => unknown, input: object): unknown
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
  let hasReturned = false
  const context = {
    performed: cause.performed,
    done: cause.done,
    timeMs: deciding.timeMs,
    id: idsOf(deciding.deriveId, deciding.service, cause.causeId),
    get<State extends object>(ref: DocumentRef<State>): State {
      const name = documentName(ref)
      if (!readable.has(name)) refuseUnread(ref, handler)
      return (documents.get(name)?.state as State | undefined) ?? set.get(ref)
    },
    put<State extends object>(ref: DocumentRef<State>, state: State): void {
      const name = documentName(ref)
      if (hasReturned) refuseLate(handler)
      if (!readable.has(name)) refuseUnread(ref, handler)
      refuseUnfitState(ref, state, handler)
      documents.set(name, { name: { kind: ref.kind, key: ref.key }, state: freeze(state) })
    },
    emit(type: AnyEventType, input: object): void {
      if (hasReturned) refuseLate(handler)
      outbox.push(recordOf(type, input, { handler, ordinal: outbox.length, deciding, cause }))
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
  return { documents, outbox, run }
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
  refuseUnfitKey(type.type, key, handler)
  const id = deciding.deriveId(deciding.service, cause.causeId, 'event', String(ordinal))
  const correlationId = cause.correlationId ?? key
  const trace = cause.traceEmitted?.({ id, type: type.type, topic: type.topic, key, correlationId })
  const { traceparent, tracestate } = trace ?? cause.trace
  const headers = headersOf(
    {
      id,
      type: type.type,
      source: deciding.service,
      timeMs: deciding.timeMs,
      key,
      correlationId,
      causationId: cause.causationId,
      traceparent,
      tracestate,
    },
    deciding.schemaNameOf(type),
  )
  refuseTooLarge(type.type, { value, key, headers }, deciding.eventBytesMax)
  return { id, lane: cause.lane, topic: type.topic, key, headers, value }
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

/** What is said after the return would be in nobody's transaction. */
function refuseLate(handler: string): never {
  throw new TroupeError(
    'TROUPE_REACTION_ASYNC',
    `${handler} put or emitted something after \`react\` had returned. Say it before: \`react\` is synchronous.`,
    { details: { handler } },
  )
}

/** The document that the next event gets would not be the one that was put. */
function refuseUnfitState({ kind, key }: DocumentName, state: object, handler: string): void {
  const flaw = flawOfJson(state)
  if (!flaw) return
  throw new TroupeError(
    'TROUPE_DOCUMENT_INVALID',
    `${handler} put a document ${kind}/${key} that cannot be kept as JSON: ${flaw}. Put plain data.`,
    { details: { handler, kind, key } },
  )
}

/** Whoever hears the event would refuse it: its key names the order it is kept in, and often the saga. */
function refuseUnfitKey(type: string, key: string, handler: string): void {
  const flaw = flawOfName(key)
  if (!flaw) return
  throw new TroupeError(
    'TROUPE_EVENT_INVALID',
    `${handler} emitted ${type} with a key that ${flaw}. Fill the field that its schema names as the key.`,
    { details: { handler, type } },
  )
}

function refuseTooLarge(
  type: string,
  { value, key, headers }: { value: Uint8Array; key: string; headers: Readonly<Record<string, string>> },
  bytesMax: number,
): void {
  // At most three bytes a character: only what comes near the limit is counted exactly.
  let lengths = key.length
  for (const name in headers) lengths += name.length + (headers[name]?.length ?? 0)
  const overheadBytes = recordOverheadBytes + Object.keys(headers).length * headerOverheadBytes
  if (value.length + overheadBytes + 3 * lengths <= bytesMax) return
  const text = Object.entries(headers).reduce((all, [name, header]) => all + name + header, key)
  const bytes = value.length + overheadBytes + new TextEncoder().encode(text).length
  if (bytes <= bytesMax) return
  throw new TroupeError(
    'TROUPE_EVENT_TOO_LARGE',
    `${type} is ${bytes} bytes; the broker takes ${bytesMax}. Emit a reference to the data in place of the data.`,
    { details: { type, bytes, bytesMax } },
  )
}

/** A batch of one record: its 61 bytes, and the record's own fields at their longest. Source: KIP-98, message format. */
const recordOverheadBytes = 100
/** Two lengths, at their longest. */
const headerOverheadBytes = 10
