// Parked keys with their records. Their life is the table at the top of `set-aside.ts`.
//
// Invariants
// 1. A key is here as long as something is parked for it, or it is held for a dead letter.
// 2. Its version goes up whenever something else than a follower's coming changes it.
// 3. Its records lie in the order of their places in the log.

import { deadLetterIdOf } from '../aside/dead-letter.ts'
import { logPlaceOf } from '../event/log-place.ts'
import type { TopicPartition } from '../event/record.ts'
import type {
  AsideDesk,
  AsideFilter,
  AsideRecord,
  KeyPlace,
  ParkedKeyWrite,
  ParkedNext,
  ParkedSum,
  ParkingLedger,
  RecalledKey,
  StoredParkedKey,
} from '../aside/set-aside.ts'
import { bytesOf, fitsAlike, pageOf } from './aside-filters.ts'
import type { AtOnce } from './at-once.ts'
import type { Numbers } from './numbers.ts'

export interface ParkedRow extends KeyPlace, Life {
  version: number
  readonly sinceMs: number
  readonly seq: bigint
  records: (AsideRecord & { readonly redrives: number })[]
}

/** What becomes of a key, other than its records. */
type Life = {
  -readonly [Name in
    | 'state'
    | 'nextAtMs'
    | 'attempts'
    | 'failure'
    | 'firstFailedAtMs'
    | 'lastFailedAtMs'
    | 'deadLetter']: StoredParkedKey[Name]
}

export interface MemoryParkedKeys
  extends AtOnce<ParkingLedger>,
    AtOnce<Pick<AsideDesk, 'parkedKeys' | 'parkedRecords'>> {
  names(): readonly string[]
  /** Ids of the dead letters that what is parked would be. */
  letterIds(): ReadonlySet<string>
  recall(keys: readonly KeyPlace[]): readonly RecalledKey[]
  changed(writes: readonly ParkedKeyWrite[]): readonly string[]
  write(write: ParkedKeyWrite): void
  /** The rows themselves, each once. */
  rows(places?: readonly KeyPlace[]): readonly ParkedRow[]
  /** The key's row; one that begins to be parked if it is free. */
  rowOf(place: KeyPlace): ParkedRow
  /** Its time is now, and its head has not failed. */
  release(row: ParkedRow): void
  /** Its time is now, and it has failed as often as before. */
  hasten(row: ParkedRow): void
  freeIfEmpty(row: ParkedRow): void
}

export function memoryParkedKeys({ nowMs, nextSeq }: Numbers): MemoryParkedKeys {
  const keys = new Map<string, ParkedRow>()

  const rowsOf = (places: readonly KeyPlace[]) => places.flatMap((place) => keys.get(parkedName(place)) ?? [])
  const rowsIn = ({ topic, partition }: TopicPartition) =>
    [...keys.values()].filter((row) => row.topic === topic && row.partition === partition)

  function rowOf({ topic, partition, key }: KeyPlace): ParkedRow {
    const place = { topic, partition, key }
    const known = keys.get(parkedName(place))
    if (known) return known
    const row = {
      ...place,
      ...freeAt(nowMs()),
      sinceMs: nowMs(),
      version: 0,
      seq: nextSeq(),
      records: [],
    }
    keys.set(parkedName(place), row)
    return row
  }

  function freeIfEmpty(row: ParkedRow): void {
    if (row.records.length === 0 && row.state !== 'held') keys.delete(parkedName(row))
  }

  return {
    names: () => [...keys.keys()],
    letterIds: () =>
      new Set(
        [...keys.values()].flatMap(({ records }) => records.map(({ record }) => deadLetterIdOf(record))),
      ),
    rows: (places) => (places ? [...new Set(rowsOf(places))] : [...keys.values()]),
    rowOf,
    freeIfEmpty,
    release(row) {
      row.version += 1
      Object.assign(row, freeAt(nowMs()))
    },
    hasten(row) {
      row.version += 1
      row.nextAtMs = nowMs()
    },
    recall: (asked) =>
      rowsOf(asked).map(({ topic, partition, key, version }) => ({ topic, partition, key, version })),
    changed: (writes) =>
      writes.flatMap((write) => {
        const row = keys.get(parkedName(write))
        const fits =
          write.form === 'park' ? !row : write.form === 'follow' ? row : row?.version === write.version
        return fits ? [] : [`key ${parkedName(write)}`]
      }),
    write(write) {
      const row = rowOf(write)
      if (write.form === 'retry') {
        row.records = row.records.filter(({ record }) => !write.done.includes(logPlaceOf(record)))
      } else addRecords(row, ...write.records.map((one) => ({ ...one, redrives: 0 })))
      if (write.form !== 'follow') {
        row.version += 1
        Object.assign(row, lifeAfter(row, write.next, nowMs()))
      }
      if (write.form === 'retry') freeIfEmpty(row)
    },
    dueKeys(partitions, perPartitionMax, calling) {
      const now = nowMs()
      const dueAtMs = ({ nextAtMs = Number.POSITIVE_INFINITY }: ParkedRow) => nextAtMs
      const waiting = partitions.map(rowsIn)
      const next = waiting
        .flat()
        .map(dueAtMs)
        .filter((atMs) => atMs > now)
        .reduce((first, atMs) => Math.min(first, atMs), Number.POSITIVE_INFINITY)
      const due = waiting.flatMap((all) =>
        all
          .filter((row) => dueAtMs(row) <= now)
          .filter((row) => !calling || calling.includes(pausedFor(row) ?? '') || !pausedFor(row))
          .sort((left, right) => dueAtMs(left) - dueAtMs(right))
          .slice(0, perPartitionMax),
      )
      return {
        keys: due.map((row) => ({
          topic: row.topic,
          partition: row.partition,
          key: row.key,
          pausedFor: pausedFor(row),
        })),
        nextMs: next === Number.POSITIVE_INFINITY ? undefined : next - now,
      }
    },
    parkedWork(asked, { recordsPerKeyMax, bytesMax }) {
      let bytes = 0
      let isFirst = true
      return rowsOf(asked).flatMap((row) => {
        if (row.state === 'held') return []
        const records = row.records.slice(0, recordsPerKeyMax).flatMap(({ record, redrives }) => {
          bytes += bytesOf(record)
          const fits = isFirst || bytes <= bytesMax
          isFirst = false
          return fits ? [{ ...record, redrives }] : []
        })
        const { topic, partition, key, version, attempts, firstFailedAtMs } = row
        return records.length === 0 && row.records.length > 0
          ? []
          : [{ topic, partition, key, version, attempts, firstFailedAtMs, records }]
      })
    },
    putOffKeys(asked, delayMs) {
      for (const { version, ...place } of asked) {
        const row = keys.get(parkedName(place))
        if (row?.version === version && row.state !== 'held') row.nextAtMs = nowMs() + delayMs
      }
    },
    parkedTotals: (partitions) =>
      partitions.flatMap(({ topic, partition }) => {
        const here = rowsIn({ topic, partition })
        return here.length === 0 ? [] : [{ topic, partition, ...sumOf(here, nowMs()) }]
      }),
    parkedSum: () => sumOf([...keys.values()], nowMs()),
    parkedKeys: (filter, { after, limit }) =>
      pageOf(
        [...keys.values()].filter((row) => row.seq > after && rowFits(row, filter)),
        limit,
        ({ version: _version, records, seq: _seq, ...row }) => ({
          ...row,
          nextAtMs: row.state === 'paused' ? undefined : row.nextAtMs,
          events: records.length,
          bytes: totalBytes({ records }),
        }),
        ({ seq }) => seq,
      ),
    parkedRecords: (place, { after, limit }) =>
      pageOf(
        (keys.get(parkedName(place))?.records ?? []).filter(({ record }) => logPlaceOf(record) > after),
        limit,
        ({ record, event }) => ({ record, event }),
        ({ record }) => logPlaceOf(record),
      ),
  }
}

/** As operators and messages name a key. */
export function parkedName({ topic, partition, key }: KeyPlace): string {
  return `${topic}/${partition}/${key}`
}

export function addRecords(row: ParkedRow, ...records: ParkedRow['records']): void {
  row.records.push(...records)
  row.records.sort((left, right) => Number(logPlaceOf(left.record) - logPlaceOf(right.record)))
}

function freeAt(nowMs: number): Life {
  return {
    state: 'waiting',
    nextAtMs: nowMs,
    attempts: 0,
    failure: undefined,
    firstFailedAtMs: undefined,
    lastFailedAtMs: undefined,
    deadLetter: undefined,
  }
}

function lifeAfter(row: ParkedRow, next: ParkedNext, nowMs: number): Partial<Life> {
  if (next.state === 'free') return freeAt(nowMs)
  const { state, attempts, failure } = next
  if (state === 'paused') return { state, attempts, failure, nextAtMs: nowMs, deadLetter: undefined }
  return {
    state,
    attempts,
    failure,
    firstFailedAtMs: attempts === 1 ? nowMs : (row.firstFailedAtMs ?? nowMs),
    lastFailedAtMs: nowMs,
    nextAtMs: state === 'waiting' ? nowMs + next.delayMs : undefined,
    deadLetter: state === 'held' ? next.deadLetter : undefined,
  }
}

function pausedFor({ state, failure }: ParkedRow): string | undefined {
  return state === 'paused' ? failure?.reaction : undefined
}

function rowFits(row: ParkedRow, { event, saga, ...filter }: AsideFilter): boolean {
  const isAny = (fits: (one: NonNullable<AsideRecord['event']>) => boolean) =>
    row.records.some((one) => one.event && fits(one.event))
  return (
    (event === undefined || isAny(({ id }) => id === event)) &&
    (saga === undefined || isAny((one) => one.saga === saga)) &&
    fitsAlike(row, filter)
  )
}

function sumOf(all: readonly ParkedRow[], nowMs: number): ParkedSum {
  const sum = (of: (row: ParkedRow) => number) => all.reduce((total, row) => total + of(row), 0)
  return {
    keys: all.length,
    paused: sum(({ state }) => (state === 'paused' ? 1 : 0)),
    held: sum(({ state }) => (state === 'held' ? 1 : 0)),
    events: sum(({ records }) => records.length),
    bytes: sum(totalBytes),
    oldestMs: all.reduce((oldest, { sinceMs }) => Math.max(oldest, nowMs - sinceMs), 0),
  }
}

function totalBytes({ records }: Pick<ParkedRow, 'records'>): number {
  return records.reduce((all, { record }) => all + bytesOf(record), 0)
}
