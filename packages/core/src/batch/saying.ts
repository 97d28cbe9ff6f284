// How what a handler says becomes records: said at once, or later.

import { type Deadline, dueOf, refuseUnfitDeadlineName, type When } from '../declare/deadline.ts'
import { isEventType } from '../declare/declared.ts'
import type { DeriveId } from './delivery.ts'
import { type Envelope, headersOf, type TraceContext, traceOf } from '../event/envelope.ts'
import { TroupeError } from '../errors.ts'
import type { AnyEventType } from '../declare/event-type.ts'
import { flawOfName } from '../declare/name.ts'
import { type Codec, commandLane, type DeadlineWrite, type OutgoingRecord } from '../ports.ts'
import { shown } from '../declare/shown.ts'

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
  /** How long deadlines last in this process, by the type of their event, where that is not as declared. */
  readonly deadlinesMs?: Readonly<Record<string, number>> | undefined
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
  readonly deadline: Deadline | undefined
  readonly lane: string
  readonly performed: unknown
  /** For an undo only. */
  readonly done: object | undefined
  /** What emitted events carry on, unless `traceEmitted` gives them their own. */
  readonly trace: TraceContext
  readonly traceEmitted: TraceEmitted | undefined
}

/** What one saying needs to know of the handling that it is part of. */
export interface Within {
  readonly handler: string
  readonly deciding: Deciding
  readonly cause: Cause
}

/** An event that is published once the transaction has committed. */
export function emitNow(
  type: AnyEventType,
  input: object,
  ordinal: number,
  { handler, deciding, cause }: Within,
): { readonly said: OutgoingRecord; readonly data: object } {
  refuseUndeclared(type, handler, cause)
  const { lane, causationId, trace, traceEmitted } = cause
  const id = deciding.deriveId(deciding.service, cause.causeId, 'event', String(ordinal))
  const data = type.complete(input) as object
  const key = keyOf(type, data, handler)
  const correlationId = cause.correlationId ?? key
  const context = traceEmitted?.({ id, type: type.type, topic: type.topic, key, correlationId }) ?? trace
  const { timeMs } = deciding
  const said = recordOf(type, data, { id, key, correlationId, causationId, timeMs, lane, context }, deciding)
  return { said, data }
}

/** The deadline that begins with an event: that event is its cause, and its saga is the deadline's. */
export function waitFrom(
  said: OutgoingRecord,
  saidData: object,
  deadline: Deadline,
  { handler, deciding, cause }: Within,
): DeadlineWrite {
  const { emit: type } = deadline
  const afterMs = deciding.deadlinesMs?.[type.type] ?? deadline.afterMs
  const id = deciding.deriveId(deciding.service, cause.causeId, 'deadline', type.type)
  const data = type.complete(deadline.data(saidData as never)) as object
  const key = keyOf(type, data, handler)
  const saga = cause.correlationId ?? (said.key as string)
  const timeMs = deciding.timeMs + afterMs
  const context = traceOf(said.headers)
  const about = { id, key, correlationId: saga, causationId: said.id, timeMs, lane: commandLane, context }
  const record = recordOf(type, data, about, deciding)
  return { saga, name: type.type, set: { due: { afterMs }, record } }
}

/** An event that is emitted when it is due, unless it is lifted before. */
export function scheduleLater(
  type: AnyEventType,
  input: object,
  when: When & { readonly name?: string },
  { handler, deciding, cause }: Within,
): DeadlineWrite {
  refuseUndeclared(type, handler, cause)
  const due = dueOf(when, type.type, handler)
  const { name = type.type } = when
  const data = type.complete(input) as object
  const key = keyOf(type, data, handler)
  const saga = cause.correlationId ?? key
  refuseUnfitDeadlineName(saga, name, handler)
  const id = deciding.deriveId(deciding.service, cause.causeId, 'deadline', name)
  const timeMs = 'atMs' in due ? due.atMs : deciding.timeMs + due.afterMs
  const { causationId, trace: context } = cause
  const about = { id, key, correlationId: saga, causationId, timeMs, lane: commandLane, context }
  return { saga, name, set: { due, record: recordOf(type, data, about, deciding) } }
}

interface About {
  readonly id: string
  readonly key: string
  readonly correlationId: string
  readonly causationId: string | undefined
  readonly timeMs: number
  readonly lane: string
  readonly context: TraceContext
}

function recordOf(
  type: AnyEventType,
  data: object,
  { id, key, correlationId, causationId, timeMs, lane, context: { traceparent, tracestate } }: About,
  deciding: Deciding,
): OutgoingRecord {
  const value = deciding.encode(type, data)
  const headers = headersOf(
    {
      id,
      type: type.type,
      source: deciding.service,
      timeMs,
      key,
      correlationId,
      causationId,
      traceparent,
      tracestate,
    },
    deciding.schemaNameOf(type),
  )
  refuseTooLarge(type.type, { value, key, headers }, deciding.eventBytesMax)
  return { id, lane, topic: type.topic, key, headers, value }
}

function keyOf(type: AnyEventType, data: object, handler: string): string {
  const key = type.keyOf(data)
  refuseUnfitKey(type.type, key, handler)
  return key
}

function refuseUndeclared(type: AnyEventType, handler: string, cause: Cause): void {
  if (cause.emits.includes(type)) return
  if (!isEventType(type)) {
    throw new TroupeError(
      'TROUPE_EVENT_NOT_DECLARED',
      `${handler} emitted ${shown(type)}, which is no event type. Give \`emit\` the event type, not called, and then its data.`,
      { details: { handler } },
    )
  }
  const isOther = cause.emits.some((one) => one.type === type.type)
  throw new TroupeError(
    'TROUPE_EVENT_NOT_DECLARED',
    `${handler} emitted ${type.type}, which is ${isOther ? 'another event type than the one of that name' : 'not'} in its \`emits\`. ${isOther ? 'Import both from one place.' : 'Add it there.'}`,
    { details: { handler, type: type.type } },
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
