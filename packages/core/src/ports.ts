import type { DoubtWrites, StoredDoubt } from './batch/doubt.ts'
import type { AnyEventType, DataOf } from './declare/event-type.ts'
import type { HeaderValue, RecordHeaders } from './event/envelope.ts'
import type { Json } from './event/json.ts'
import type { EventName, TopicPartition } from './event/record.ts'
import type { AsideDesk, KeyPlace, Parking, ParkingLedger, RecalledKey } from './aside/set-aside.ts'

/** A log line's facts come first, as in pino. */
export interface Log {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

/**
 * Turns events into bytes and back.
 *
 * Only types that were registered can be encoded. Decoding resolves the writer's schema, whatever
 * version it is, into the type's own.
 */
export interface Codec {
  /** Registers the schemas of the types this service emits. Safe to call again. @throws TroupeError `TROUPE_SCHEMA_INCOMPATIBLE`, `TROUPE_REGISTRY_UNREACHABLE` */
  register(types: readonly AnyEventType[]): Promise<void>
  /** What names the schema that events of a type are written with, whatever a registry calls it: goes into the `ce_dataschema` header. */
  schemaNameOf(type: AnyEventType): string
  /**
   * Synchronous: the reaction that emits learns at once that its event cannot be written. The bytes are
   * the caller's to keep: no later call writes into them.
   * @throws TroupeError `TROUPE_EVENT_INVALID`; `TROUPE_SCHEMA_AWAITED` as long as its schema is not registered
   */
  encode(type: AnyEventType, data: object): Uint8Array
  /**
   * Resolves synchronously where the writer's schema is known, so that a batch costs no await per event.
   * @param schemaName the record's `ce_dataschema` header, if it has one: wins over the id in the bytes
   * @throws TroupeError `TROUPE_WIRE_FORMAT_FOREIGN`, `TROUPE_WIRE_FORMAT_TRUNCATED`, `TROUPE_SCHEMA_ID_UNKNOWN`,
   *   `TROUPE_SCHEMA_MISMATCH` for bytes that will never decode; `TROUPE_REGISTRY_UNREACHABLE` and
   *   `TROUPE_SCHEMA_AWAITED` where trying again may help.
   */
  decode<Type extends AnyEventType>(
    type: Type,
    bytes: Uint8Array,
    schemaName?: HeaderValue,
  ): DataOf<Type> | Promise<DataOf<Type>>
  /**
   * The full name of the record schema that the bytes were written with: what another team's record is
   * recognised by; empty for one that is not Avro, or has none. Synchronous and @throws as {@link decode}.
   */
  recordNameIn(bytes: Uint8Array): string | Promise<string>
}

/** A record on its way to Kafka, as the outbox keeps it. */
export interface OutgoingRecord {
  /** The event's id; unique in the outbox. */
  readonly id: string
  /**
   * Who publishes it after a crash: `topic/partition` of the event that caused it, whose next owner drains
   * it before it consumes anything new; {@link commandLane} for what commands emitted.
   */
  readonly lane: string
  readonly topic: string
  /** Text for events; a dead letter keeps the bytes that came. */
  readonly key: string | Uint8Array | null
  readonly headers: RecordHeaders
  readonly value: Uint8Array | null
}

/** The lane of records that no consumed event caused. */
export const commandLane = 'commands'

/** The lane of records that an event of this partition caused. */
export function laneOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

export interface DocumentName {
  readonly kind: string
  readonly key: string
}

export interface StoredDocument extends DocumentName {
  /** Counts writes, from 1. A document that was never written is not stored. */
  readonly version: number
  readonly state: unknown
}

/** What the ledger remembers of one step of one saga. See `steps.ts` for the table of states. */
export type StepState = 'done' | 'undone' | 'barred'

export interface StepName {
  readonly saga: string
  readonly step: string
}

export interface StoredStep extends StepName {
  readonly state: StepState
  /** The encoded event by which the step said that it was done; null on a barred step. */
  readonly done: Uint8Array | null
  /** The documents that the step read: its undo gets them too. */
  readonly touched: readonly DocumentName[]
}

export interface StoredAnswer {
  readonly command: string
  readonly idempotencyKey: string
  /** Hash of the input that was answered: another input under the same key is refused. */
  readonly inputHash: string
  readonly answer: Json | undefined
}

/** What a call to the outside came to, until the settlement that makes use of it. */
export interface StoredResult {
  readonly idempotencyKey: string
  readonly result: Json | undefined
}

/** A schema of the registry's, as a service remembers it for when the registry cannot be asked. */
export interface StoredSchema {
  /** The registry's. One id may have had several schemas: a registry that was emptied gives its ids out anew. */
  readonly id: number
  /** Tells schemas apart whatever their ids: the codec's to make, and to compare. */
  readonly fingerprint: string
  /** The schema itself, as JSON text. */
  readonly schema: string
}

/** What a batch needs to know before it can decide. */
export interface RecallRequest {
  readonly events: readonly EventName[]
  readonly documents: readonly DocumentName[]
  /** `withDocuments`: also recall the documents that the step touched. */
  readonly steps: readonly (StepName & { readonly withDocuments: boolean })[]
  readonly answers: readonly { readonly command: string; readonly idempotencyKey: string }[]
  /** Which of these keys are parked. */
  readonly keys?: readonly KeyPlace[] | undefined
  /** Idempotency keys of calls to the outside; absent where no reaction makes one. */
  readonly performed?: readonly string[]
  /** Steps that call the outside, of which something may be in doubt; absent where there are none. */
  readonly doubts?: readonly StepName[]
}

/** The answer to a {@link RecallRequest}: only what is stored. */
export interface Recollection {
  readonly seen: readonly EventName[]
  readonly documents: readonly StoredDocument[]
  readonly steps: readonly StoredStep[]
  readonly answers: readonly StoredAnswer[]
  readonly keys: readonly RecalledKey[]
  /** Absent where none was asked for. */
  readonly performed?: readonly StoredResult[]
  /** Absent where none was asked for. Not older than the steps. */
  readonly doubts?: readonly StoredDoubt[]
}

/** How an event ended, as the inbox keeps it. */
export type Outcome =
  | 'applied'
  | 'step-barred'
  | 'step-repeated'
  | 'barred'
  | 'undo-repeated'
  | 'dead-lettered'

export interface InboxEntry extends EventName {
  readonly type: string
  readonly saga: string
  readonly outcome: Outcome
}

/** A write that counts only if the document still has `expectedVersion`; 0 for one that is not stored yet. */
export interface DocumentWrite extends DocumentName {
  readonly expectedVersion: number
  /** JSON; its strings hold whatever JSON's strings can, NUL and half characters included. */
  readonly state: object
}

/** A document that was decided on and not written; the decision counts only if it still has `expectedVersion`. */
export interface DocumentRead extends DocumentName {
  /** 0 for one that was not stored, and may not be by now. */
  readonly expectedVersion: number
}

/** A write that counts only if the step still is in `expectedState`; undefined for one that is not stored yet. */
export interface StepWrite extends StoredStep {
  readonly expectedState: StepState | undefined
}

/** Names a deadline: a saga has one of each name. */
export interface DeadlineName {
  readonly saga: string
  readonly name: string
}

/** When a deadline is due: so long after the settlement, or at a time since the epoch; both by the database's clock. */
export type DeadlineDue = { readonly afterMs: number } | { readonly atMs: number }

/** What becomes of one deadline: it is set, in place of one of its name if there is one, or lifted. */
export interface DeadlineWrite extends DeadlineName {
  /**
   * Undefined: lifted, if it is there. One that is there under the same record id is left as it is, so that
   * doing again what set it does not put it off.
   */
  readonly set: { readonly due: DeadlineDue; readonly record: OutgoingRecord } | undefined
}

/** What waits for its time. */
export interface PendingDeadlines {
  readonly count: number
  readonly overdueMs: number
}

/** Deadlines that have just become outbox records. */
export interface Fired {
  /** Those due first come first; `lateMs` by the database's clock. */
  readonly records: readonly { readonly id: string; readonly lateMs: number }[]
  /** How long until the next one is due; 0 or less if one is due already; undefined if none is pending. */
  readonly nextMs: number | undefined
}

/** The move of one partition's position; it counts only if `epoch` and `from` are still what is stored. */
export interface PositionMove extends TopicPartition {
  readonly epoch: number
  readonly from: bigint | undefined
  /** The offset to be consumed next; undefined where `from` is, for a fence that moves nothing. */
  readonly to: bigint | undefined
}

/** Everything one batch changes, written in one transaction or not at all. */
export interface Settlement {
  readonly position: PositionMove | undefined
  readonly inbox: readonly InboxEntry[]
  readonly documents: readonly DocumentWrite[]
  /** None of those that are written. */
  readonly documentsRead: readonly DocumentRead[]
  readonly steps: readonly StepWrite[]
  readonly answers: readonly StoredAnswer[]
  readonly outbox: readonly OutgoingRecord[]
  /** Each name once. */
  readonly deadlines: readonly DeadlineWrite[]
  /** Ids of outbox records that Kafka has acknowledged since the last write. */
  readonly published: readonly string[]
  /** Nothing in the good case. */
  readonly parking?: Parking | undefined
  /** Idempotency keys of calls to the outside whose results are made use of, and need not be kept any longer. */
  readonly performed?: readonly string[]
  /** Nothing in the good case. */
  readonly doubts?: DoubtWrites | undefined
}

/** What a settlement ran into. */
export interface Receipt {
  /**
   * Ids of records that earlier settlements wrote for the same topics and keys, and that are not known to
   * be published: what is in nobody's hands has to be published before what was settled now.
   */
  readonly predecessors: readonly string[]
}

/** Which part of the outbox is looked through; an age is measured by the database's clock. */
export type OutboxPart = { readonly lane: string } | { readonly olderThanMs: number }

/** A page of something that is read in the order in which it was written; `next` is undefined at its end. */
export interface OutboxPage<One> {
  readonly found: readonly One[]
  readonly next: bigint | undefined
}

/**
 * What the ledger need not remember for ever. The `inbox` tells that an event came before, at another place
 * in its topic; at its own place the position tells. `answers` tell that a command was decided on.
 * `performed` tells what came of a call to the outside; a row that is old is one that nobody settled.
 * `deadLetters` are those that were redriven or discarded, and are as old as that is; one that is open, or whose
 * event is parked again, is never forgotten. `actions` are what operators did.
 */
export type Forgettable = 'inbox' | 'answers' | 'performed' | 'deadLetters' | 'actions'

/** A partition as its present owner holds it. */
export interface Claim extends TopicPartition {
  /** Goes up with every claim; an older owner's settle fails. */
  readonly epoch: number
  /** The offset to be consumed next; undefined if nothing of this partition was ever settled. */
  readonly next: bigint | undefined
  /** Of which topic `next` is an offset: one that was deleted and made again has another id; undefined if nobody knows. */
  readonly topicId?: string
  /** Of that topic, and so of the records that are read from it: see `RawRecord`. Goes up when one is begun with in place of another. */
  readonly life?: number
}

/** A partition in an owner's hands. */
export type Held = Pick<Claim, 'topic' | 'partition' | 'epoch'>

/** A claim, and what the ones before it came to. */
export interface TakenClaim extends Claim {
  /** Absent in the good case: the owner before let go of it, or had it for long. */
  readonly unrest?: {
    /** How often in a row it was claimed within minutes, though nobody had let go of it; this claim included. */
    readonly claims: number
    /** How many of these in a row found the same position. */
    readonly claimsHere: number
    /** The place of the record that was in hand alone when an owner died. */
    readonly suspect?: bigint
  }
}

/** What the owner of a partition knows of its topic, when it claims. */
export interface ClaimedTopic {
  /** Kafka's; left out where the brokers give topics none. Kept where none is known, or no offset is stored yet. */
  readonly id?: string | undefined
  /**
   * Id of the topic that this one was made in place of. If the position is one of that, it is forgotten, this id is
   * kept instead, and from here on records are of the next life. Left out where nothing is to be forgotten.
   */
  readonly replaces?: string | undefined
}

export interface DocumentPage {
  /** Keys after this one, in the order of the keys' bytes. */
  readonly after?: string
  /** At most this many; 1 to 1,000. */
  readonly limit: number
}

/**
 * What a service remembers in its own database: positions, inbox, outbox, steps, documents, answers, deadlines,
 * and what it has set aside.
 *
 * Every method may fail with `TROUPE_DATABASE_UNREACHABLE`, which says nothing about the work itself:
 * try again. So does `TROUPE_DATABASE_FULL`, after which nothing was written. Safe to call concurrently. `close` waits for what is under way.
 */
export interface Ledger extends ParkingLedger, AsideDesk {
  /** Brings the database to this code's form. @throws TroupeError `TROUPE_LEDGER_NEWER` if it is ahead. */
  migrate(): Promise<void>
  /** Takes a partition over from whoever held it. What the claim says of its topic is what was kept, not what was given. */
  claim(partition: TopicPartition, topic?: ClaimedTopic): Promise<TakenClaim>
  /**
   * Notes that the owner is about to handle the record of this place, see `logPlaceOf`, and nothing else.
   * @returns by how many owners in a row that was noted of it without having been taken back, this one included
   * @throws TroupeError `TROUPE_FENCED` if another owner has claimed the partition
   */
  suspect(held: Held, logPlace: bigint): Promise<number>
  /**
   * Takes that back: whoever handled it lives. Without a record: the owner lets go of the partition, and whoever
   * claims it next finds no unrest.
   */
  acquit(held: Held, logPlace: bigint | undefined): Promise<void>
  /** One round trip. */
  recall(request: RecallRequest): Promise<Recollection>
  /**
   * One transaction, one round trip.
   * @throws TroupeError `TROUPE_FENCED` if another owner has claimed the partition or the position moved;
   *   `TROUPE_CONFLICT` if a document, step, inbox entry, answer or parked key changed since it was recalled, whether it is to be
   *   written or was only read: recall and decide again.
   *   After either, nothing was written. After `TROUPE_DATABASE_UNREACHABLE` the outcome is unknown: {@link positionOf} tells.
   */
  settle(settlement: Settlement): Promise<Receipt>
  /** Keeps what came of calls to the outside, until they are settled; one that is kept already stays as it is. */
  keepPerformed(results: readonly StoredResult[]): Promise<void>
  /** The stored claim, read without taking it; undefined if there is none. */
  positionOf(partition: TopicPartition): Promise<Claim | undefined>
  /** Ids of records that are not known to be published, oldest first, a page of them. */
  unpublished(part: OutboxPart, after?: bigint): Promise<OutboxPage<string>>
  /**
   * The records with these ids, and with them all earlier ones of their topics and keys, whatever their
   * lanes: a page of them, oldest first, bounded by count and bytes. What is published by now is left out.
   */
  outgoing(ids: readonly string[], after?: bigint): Promise<OutboxPage<OutgoingRecord>>
  /**
   * Moves a page of the deadlines that are due into the outbox, each of them once, whoever asks, in one
   * transaction. One that a settlement is lifting or setting anew at the moment is left to the next time.
   */
  fire(): Promise<Fired>
  /**
   * How many deadlines are neither fired nor lifted (exact up to ten thousand, an estimate beyond), and for how
   * long the oldest of them has been due: 0 if none is.
   */
  pendingDeadlines(): Promise<PendingDeadlines>
  /**
   * Deletes a portion of what is older than this, by the database's clock; `next` is where the next portion
   * begins, undefined at the end. Of several callers at one time one does it, the others delete nothing.
   */
  forget(
    what: Forgettable,
    olderThanMs: number,
    from?: bigint,
  ): Promise<{ readonly forgotten: number; readonly next: bigint | undefined }>
  /** All schemas that were kept; what was kept last comes last. */
  schemas(): Promise<readonly StoredSchema[]>
  /** Keeps schemas, in this order; one that is there, by id and fingerprint, becomes the last. */
  keepSchemas(schemas: readonly StoredSchema[]): Promise<void>
  document(name: DocumentName): Promise<StoredDocument | undefined>
  documents(kind: string, page: DocumentPage): Promise<readonly StoredDocument[]>
  /** Resolves if the database answers. */
  ping(): Promise<void>
  close(): Promise<void>
}
