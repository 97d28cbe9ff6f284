import type { OrderKind } from '@troupe/cli'
import type { ChargeLine } from '@troupe-demo/gateway'
import type { Curse } from '../poison/curse.ts'
import type { PoisonForm } from '../poison/forms.ts'

/** What was found when everything was over. The checks look at nothing else. */
export interface Facts {
  readonly orders: readonly PlacedOrder[]
  /** By the name of the service. */
  readonly ledgers: ReadonlyMap<string, LedgerFacts>
  /** Every record of every topic of events, each partition in the order of its log. */
  readonly records: readonly PublishedRecord[]
  /** What was put there by somebody else than the services. */
  readonly poison: readonly PoisonRecord[]
  /** Every record of every topic of dead letters. */
  readonly deadLetters: readonly DeadLetterRecord[]
  /** What the gateway took and gave back, by its own book. */
  readonly taken: readonly TakenRow[]
}

/** A charge in the gateway's book. */
export type TakenRow = Pick<ChargeLine, 'id' | 'order' | 'chargedCents' | 'refundedCents'>

/** An order that a client asked for until it was told that it was taken. */
export interface PlacedOrder {
  readonly idempotencyKey: string
  readonly kind: OrderKind
  /** What it was answered, each time that it was: order ids. */
  readonly answers: readonly string[]
  /** What keeps it from being handled. */
  readonly curse?: Curse
}

/** What one service remembers. */
export interface LedgerFacts {
  readonly inbox: readonly InboxRow[]
  /** Ids of events that are not known to be published. */
  readonly outbox: readonly string[]
  readonly documents: readonly DocumentRow[]
  readonly steps: readonly StepRow[]
  readonly letters: readonly LetterRow[]
  /** Keys that are parked. */
  readonly parked: readonly string[]
}

/** A dead letter as the service keeps it. */
export interface LetterRow {
  /** The place of its record: `topic/partition/offset`. */
  readonly id: string
  /** Of its event, if it could be read. */
  readonly type: string | null
  readonly saga: string | null
  readonly state: string
  readonly redrives: number
}

export interface InboxRow {
  readonly source: string
  readonly id: string
  readonly type: string
  readonly outcome: string
}

export interface DocumentRow {
  readonly kind: string
  readonly key: string
  /** Undefined for a row of a table of the service's own, which counts no versions. */
  readonly version: number | undefined
  readonly state: Readonly<Record<string, unknown>>
}

export interface StepRow {
  readonly saga: string
  readonly step: string
  readonly state: string
}

/** A record as it lies in Kafka. */
export interface PublishedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly source: string
  readonly id: string
  readonly type: string
  readonly key: string
  readonly saga: string
  readonly causationId: string | undefined
  /** A hash of key, value and headers. */
  readonly fingerprint: string
  /** A hash of the value: two records of one id must say the same, though not at the same time. */
  readonly said: string
  /** Of events that speak of money. */
  readonly cents?: number
  /** Of events that speak of stock: pieces by article. */
  readonly pieces?: Readonly<Record<string, number>>
}

/** A record that no service put where it lies. */
export interface PoisonRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly form: PoisonForm
  readonly type: string | undefined
  readonly fingerprint: string
}

/** A record in a topic of dead letters. */
export interface DeadLetterRecord {
  readonly topic: string
  /** Where its record came from: `topic/partition/offset`. */
  readonly from: string
  /** As of the record that it came from, if that is as it was. */
  readonly fingerprint: string
  readonly failedAt: string
  readonly message: string
}
