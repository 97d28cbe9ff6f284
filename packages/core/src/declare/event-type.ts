import type { Envelope } from '../event/envelope.ts'

/**
 * An event type: the contract of one fact, owned by the one service that emits it.
 *
 * Called, it makes a draft of the event: defaults filled in, everything else checked.
 * Made by `avroEvent` of `@troupe/avro`, usually in generated code.
 *
 * @typeParam Type  the name, such as `'OrderReceived'`
 * @typeParam Data  what handlers get: every field present
 * @typeParam Input what constructors take: fields with a default may be left out
 */
export interface EventType<
  Type extends string = string,
  Data extends object = object,
  Input extends object = Data,
> {
  /** @throws TroupeError `TROUPE_EVENT_INVALID`, naming the event and the field's path. */
  (input: Input): EventDraft<Type, Data>
  readonly type: Type
  /** The service that alone emits it. */
  readonly owner: string
  /** The topic of all its owner's events. */
  readonly topic: string
  /** The Avro schema, as parsed JSON. */
  readonly schema: AvroRecordSchema
  /** The record's key: the field that the schema names as `key`. */
  keyOf(data: Data): string
  /** @throws TroupeError `TROUPE_EVENT_INVALID`, naming the event and the field's path. */
  complete(input: Input): Data
}

/** Any event type. `never` as input keeps the call signature assignable whatever a type's fields are. */
// oxlint-disable-next-line typescript/no-explicit-any -- an event type both takes and gives its data: nothing else is wide enough
export type AnyEventType = EventType<string, any, any>

export interface AvroRecordSchema {
  readonly type: 'record'
  readonly name: string
  readonly namespace?: string
  readonly fields: readonly unknown[]
  readonly [attribute: string]: unknown
}

/** An event that nobody has emitted yet: a type and its data, no envelope. */
export interface EventDraft<Type extends string = string, Data extends object = object> {
  readonly eventType: EventType<Type, Data, never>
  readonly type: Type
  readonly data: Data
}

/** An event as a reaction hears it: envelope and data. */
export interface Event<Type extends string = string, Data extends object = object> extends Envelope {
  readonly type: Type
  readonly data: Data
}

/** What handlers of an event type get as `data`. */
export type DataOf<E> = E extends EventType<string, infer Data, infer _Input> ? Data : never
/** What `emit` and constructors of an event type take. */
export type InputOf<E> = E extends EventType<string, infer _Data, infer Input> ? Input : never
/** What fits every one of a union of event types: who does not know which one it is cannot guess its data. */
export type InputOfAll<E> = (E extends unknown ? (input: InputOf<E>) => void : never) extends (
  input: infer Input,
) => void
  ? Input
  : never
/** The event of an event type; a union for a union of types. */
export type EventOf<E> = E extends EventType<infer Type, infer Data, infer _Input> ? Event<Type, Data> : never
