// What a ledger sets aside, in the words of its port: parked keys, which are tried again, and dead letters,
// which are not until a person says so.
//
// The life of a parked key: the events of one key of one partition, from the one that failed (its head) on.
//
// | state   | its time comes                        | an event of the key comes | a person           |
// |---------|---------------------------------------|---------------------------|--------------------|
// | (free)  | -                                     | handled; fails: waiting   | redrive: waiting   |
// | waiting | tried, from the head on; fails: waiting, later; fails for the last time: a dead letter, then free or held; else free | put behind it | retry: its time is now |
// | paused  | once the calls of its reaction are made again: tried, as above                                                         | put behind it | retry: nothing |
// | held    | never                                 | put behind it             | redrive or discard of its head, or retry: waiting |
//
// Free is what is not stored. An event whose call is not to be made now makes its key paused, from free or waiting:
// it has not failed.

import type { Failure } from './failure.ts'
import type { EventName, RawRecord, TopicPartition } from '../event/record.ts'

/** A key of one partition, by the name that `keyNameOf` gives it. */
export interface KeyPlace extends TopicPartition {
  readonly key: string
}

/** Which event a record holds, as far as it could be read. */
export interface EventFacts extends EventName {
  readonly type: string
  readonly saga: string
}

/** A record that is set aside. */
export interface AsideRecord {
  readonly record: RawRecord
  readonly event: EventFacts | undefined
}

/** How a parked key goes on. Delays count from the commit, by the database's clock. */
export type ParkedNext =
  | {
      readonly state: 'waiting'
      readonly delayMs: number
      readonly attempts: number
      readonly failure: Failure
    }
  /** Its head waits for the calls of `failure.reaction`: it was not tried, and has failed as often as before. */
  | {
      readonly state: 'paused'
      readonly attempts: number
      readonly failure: Failure
    }
  /** Its head is the dead letter of this id, and the rest waits for a person. */
  | {
      readonly state: 'held'
      readonly deadLetter: string
      readonly attempts: number
      readonly failure: Failure
    }
  /** What is left behind it is due at once; where nothing is, the key is parked no more. */
  | { readonly state: 'free' }

/** What a settlement changes about one key. A key is in one of them only. */
export type ParkedKeyWrite = KeyPlace &
  (
    | {
        /** Counts only if the key is not parked. */
        readonly form: 'park'
        readonly next: Exclude<ParkedNext, { readonly state: 'free' }>
        /** Its head first; without one where the head is a dead letter already. */
        readonly records: readonly AsideRecord[]
      }
    | {
        /** Counts only if the key is parked. */
        readonly form: 'follow'
        readonly records: readonly AsideRecord[]
      }
    | {
        /** Counts only if the key still has `version`. */
        readonly form: 'retry'
        readonly version: number
        /** Places of the records that are parked no more: see `logPlaceOf`. */
        readonly done: readonly bigint[]
        readonly next: ParkedNext
      }
  )

/** A dead letter on its way into the ledger. One that is there already, and was redriven, is open again. */
export interface DeadLetterWrite extends AsideRecord {
  /** See `deadLetterIdOf`. */
  readonly id: string
  readonly key: string
  readonly failure: Failure
  readonly attempts: number
  /** By the database's clock; undefined: now. */
  readonly firstFailedAtMs: number | undefined
}

/** What a settlement sets aside, and takes back. */
export interface Parking {
  readonly keys: readonly ParkedKeyWrite[]
  readonly deadLetters: readonly DeadLetterWrite[]
}

/** A parked key, as a recall finds it. */
export interface RecalledKey extends KeyPlace {
  /** Goes up whenever something else than a follower's coming changes the key. */
  readonly version: number
}

/** A parked key that is to be tried again, with the first of its records in the order of their places. */
export interface ParkedWork extends RecalledKey {
  /** How often its head has failed. */
  readonly attempts: number
  readonly firstFailedAtMs: number | undefined
  readonly records: readonly (RawRecord & {
    /** How often it has been a dead letter, and was redriven. */
    readonly redrives: number
  })[]
}

/** A parked key whose time has come. */
export interface DueKey extends KeyPlace {
  /** The reaction for whose calls it waits; undefined if it waits for none. */
  readonly pausedFor: string | undefined
}

/** What is due, and what comes next. */
export interface DueKeys {
  readonly keys: readonly DueKey[]
  /** How long until the time of the next key comes that is not due yet; undefined if there is none. */
  readonly nextMs: number | undefined
}

/** How much is parked. */
export interface ParkedSum {
  readonly keys: number
  /** Of the keys, those that wait for calls. */
  readonly paused: number
  /** Of the keys, those that wait for a person. */
  readonly held: number
  readonly events: number
  readonly bytes: number
  /** How long the oldest of the keys has been parked. */
  readonly oldestMs: number
}

/** How much is parked in one partition. */
export interface ParkedTotal extends ParkedSum, TopicPartition {}

/** How much of one key, and of all keys, is handed out at a time. */
export interface ParkedWorkLimits {
  readonly recordsPerKeyMax: number
  readonly bytesMax: number
}

/** What the owner of a partition asks of what is parked in it. */
export interface ParkingLedger {
  /**
   * Keys of these partitions that wait and whose time has come, the longest due first, so many of each partition.
   *
   * @param calling of those that wait for calls, only the ones of these reactions; left out: all of them
   */
  dueKeys(
    partitions: readonly TopicPartition[],
    perPartitionMax: number,
    calling?: readonly string[],
  ): Promise<DueKeys>
  /**
   * What is to be tried of these keys; those that are held or free by now are left out. At least one record
   * of the first key, whatever its size.
   */
  parkedWork(keys: readonly KeyPlace[], limits: ParkedWorkLimits): Promise<readonly ParkedWork[]>
  /**
   * Makes keys due later that cannot be tried now; nothing else of them changes. Of those that have another version
   * by now, and of those that are held, nothing does.
   */
  putOffKeys(keys: readonly RecalledKey[], delayMs: number): Promise<void>
  /** Of these partitions, those in which something is parked. */
  parkedTotals(partitions: readonly TopicPartition[]): Promise<readonly ParkedTotal[]>
  /** How much is parked in all partitions together, whoever owns them, and if nobody does; `oldestMs` is 0 for none. */
  parkedSum(): Promise<ParkedSum>
}

/** Who does something to what is set aside, and why: it is kept. */
export interface OperatorAction {
  readonly by: string
  readonly reason: string
  /** The command that this is a portion of: what was done by one is told as one. */
  readonly command?: string | undefined
}

export const operatorDeeds = ['redrive', 'discard dead letters', 'retry parked', 'discard parked'] as const

/** What was done by one command, of one kind: in one transaction, or portion by portion. */
export interface StoredOperatorAction extends OperatorAction {
  /** Of its first portion. */
  readonly seq: bigint
  readonly atMs: number
  /** Of its last portion so far. */
  readonly lastAtMs: number
  readonly portions: number
  readonly did: (typeof operatorDeeds)[number]
  /** How many dead letters, keys or parked events it was done to. */
  readonly count: number
  /** The first hundred of them by name. */
  readonly names: readonly string[]
}

/** Which actions: those that fit everything that is given. */
export interface OperatorActionFilter {
  readonly by?: string | undefined
  readonly did?: StoredOperatorAction['did'] | undefined
  /** The id of a dead letter, or `topic/partition/key` of a parked key, to which it was done. */
  readonly name?: string | undefined
  /** When it began, in milliseconds since the epoch. */
  readonly fromMs?: number | undefined
  readonly untilMs?: number | undefined
}

/** Which parked keys, or dead letters: those that fit everything that is given. */
export interface AsideFilter {
  readonly topic?: string | undefined
  readonly partition?: number | undefined
  readonly key?: string | undefined
  /** Of the dead letter, or of any event that is parked for the key. */
  readonly event?: string | undefined
  readonly saga?: string | undefined
  readonly reaction?: string | undefined
  readonly group?: string | undefined
  /** When it failed last, in milliseconds since the epoch. */
  readonly fromMs?: number | undefined
  readonly untilMs?: number | undefined
}

export interface AsidePage {
  /** What `next` was on the page before; 0 for the first one. */
  readonly after: bigint
  readonly limit: number
}

/** One page, the oldest first unless it says otherwise; `next` is undefined on the last one. */
export interface AsideList<One> {
  readonly found: readonly One[]
  readonly next: bigint | undefined
}

export interface StoredParkedKey extends KeyPlace {
  readonly state: 'waiting' | 'paused' | 'held'
  readonly events: number
  readonly bytes: number
  readonly sinceMs: number
  /** Undefined for one that is held or paused. */
  readonly nextAtMs: number | undefined
  readonly attempts: number
  /** Of its head, or why it is paused; undefined where nothing of the key has failed since it was redriven or released. */
  readonly failure: Failure | undefined
  readonly firstFailedAtMs: number | undefined
  readonly lastFailedAtMs: number | undefined
  /** The dead letter for which it is held. */
  readonly deadLetter: string | undefined
}

/** `open`: waits for a person. `redriven`: parked to be tried again, or handled since. `discarded`: never to be tried. */
export type DeadLetterState = 'open' | 'redriven' | 'discarded'

export interface DeadLetterFilter extends AsideFilter {
  /** Default: open. */
  readonly state?: DeadLetterState | 'any' | undefined
}

/** A dead letter without its bytes. */
export interface DeadLetterSummary extends KeyPlace {
  readonly id: string
  readonly offset: bigint
  /** Of its topic: see `RawRecord`. */
  readonly life?: number
  readonly event: EventFacts | undefined
  readonly failure: Failure
  readonly attempts: number
  readonly redrives: number
  readonly firstFailedAtMs: number
  readonly lastFailedAtMs: number
  readonly state: DeadLetterState
  readonly bytes: number
}

export interface StoredDeadLetter extends DeadLetterSummary {
  readonly record: RawRecord
}

/** Open dead letters that failed alike. */
export interface DeadLetterGroup {
  readonly group: string
  readonly reaction: string | undefined
  readonly code: string
  /** Of the one that failed last. */
  readonly message: string
  readonly count: number
  readonly firstFailedAtMs: number
  readonly lastFailedAtMs: number
}

/** A dead letter that is to be tried again; with another value where somebody mended it. */
export interface Redrive {
  readonly id: string
  readonly mended?: MendedValue | undefined
}

export interface MendedValue {
  readonly value: Uint8Array
  /** Of the schema that it was written with: see {@link Codec.schemaNameOf}. */
  readonly schemaName: string
}

/**
 * What people ask and do. Whatever is done is one transaction, which keeps the action beside what it did.
 * May fail with `TROUPE_CONFLICT` where the service is busy with the same keys: nothing was done; ask again.
 */
export interface AsideDesk {
  parkedKeys(filter: AsideFilter, page: AsidePage): Promise<AsideList<StoredParkedKey>>
  /** What is parked for a key, in the order in which it will be tried; `after` is a place in the log, -1 for the first page. */
  parkedRecords(key: KeyPlace, page: AsidePage): Promise<AsideList<AsideRecord>>
  /** Makes keys due, held ones too. @returns how many of them are parked */
  retryParked(keys: readonly KeyPlace[], action: OperatorAction): Promise<number>
  /**
   * Gives up the head of each key, or all of it: what is given up is kept among the dead letters, as
   * discarded. What is left is due. The head of a key that is held is the dead letter for which it is.
   *
   * @returns how many events
   */
  discardParked(keys: readonly KeyPlace[], what: 'head' | 'all', action: OperatorAction): Promise<number>
  deadLetters(filter: DeadLetterFilter, page: AsidePage): Promise<AsideList<DeadLetterSummary>>
  deadLetter(id: string): Promise<StoredDeadLetter | undefined>
  /** Those with most letters first, at most a thousand. */
  deadLetterGroups(filter: DeadLetterFilter): Promise<readonly DeadLetterGroup[]>
  /**
   * Parks dead letters, open and discarded ones, each in front of what came after it, to be tried at once
   * by the owner of its partition, or once nobody holds its key for another one any more; the inbox forgets
   * that they were dead letters, and nothing else, so that none can be applied twice. One with a new value keeps a header that names the letter.
   *
   * @returns ids of those that were not redriven already
   */
  redrive(letters: readonly Redrive[], action: OperatorAction): Promise<readonly string[]>
  /** Gives up open dead letters. Keys that were held for one are due. @returns ids of those that were open */
  discardDeadLetters(ids: readonly string[], action: OperatorAction): Promise<readonly string[]>
  /** What people have done, the latest first. */
  operatorActions(filter: OperatorActionFilter, page: AsidePage): Promise<AsideList<StoredOperatorAction>>
}

/** Header of a redriven event whose value was mended: the id of the dead letter with the original. */
export const redrivenFromHeader = 'troupe_redriven_from'
