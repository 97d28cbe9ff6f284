// What waits to be published, in the order in which it was written, and what waits for its time to be.

import type { Fired, OutboxPage, OutboxPart, OutgoingRecord, PendingDeadlines } from '../ports.ts'
import { type MemoryTables, nameOf, type OutboxRow } from './tables.ts'

export interface OutboxLimits {
  /** How many records or ids a page holds. */
  readonly pageMax: number
  /** How many deadlines are fired at once. */
  readonly firedMax: number
}

export function memoryOutbox({ outbox, deadlines }: MemoryTables, nowMs: () => number, limits: OutboxLimits) {
  let seq = 0n

  function add(record: OutgoingRecord): void {
    outbox.set(record.id, { ...withoutAbsent(record), seq: ++seq, atMs: nowMs() })
  }

  function pageOf<One>(rows: readonly OutboxRow[], after: bigint, show: (row: OutboxRow) => One) {
    const left = rows.filter((row) => row.seq > after)
    const page = left.slice(0, limits.pageMax)
    return { found: page.map(show), next: page.length < left.length ? page.at(-1)?.seq : undefined }
  }

  return {
    /** Adds records of one settlement. @returns ids of those that were written for their topics and keys before */
    addAll(records: readonly OutgoingRecord[]): readonly string[] {
      if (records.length === 0) return []
      const keys = new Set(records.map(orderOf))
      keys.delete(undefined)
      const earlier = [...outbox.values()].filter((row) => keys.has(orderOf(row)))
      for (const record of records) add(record)
      return earlier.map(({ id }) => id)
    },
    unpublished(part: OutboxPart, after = 0n): OutboxPage<string> {
      const isAsked = (row: OutboxRow) =>
        'lane' in part ? row.lane === part.lane : row.atMs <= nowMs() - part.olderThanMs
      return pageOf([...outbox.values()].filter(isAsked), after, ({ id }) => id)
    },
    outgoing(ids: readonly string[], after = 0n): OutboxPage<OutgoingRecord> {
      const asked = new Set(ids)
      const last = new Map<string | undefined, bigint>()
      for (const row of outbox.values()) if (asked.has(row.id)) last.set(orderOf(row), row.seq)
      last.delete(undefined)
      const isAsked = (row: OutboxRow) => asked.has(row.id) || row.seq < (last.get(orderOf(row)) ?? 0n)
      return pageOf(
        [...outbox.values()].filter(isAsked),
        after,
        ({ seq: _seq, atMs: _atMs, ...record }) => record,
      )
    },
    fire(): Fired {
      const now = nowMs()
      const byTime = [...deadlines].toSorted(
        ([, one], [, other]) =>
          one.dueMs - other.dueMs || (nameOf(one.saga, one.name) < nameOf(other.saga, other.name) ? -1 : 1),
      )
      const due = byTime.filter(([, { dueMs }]) => dueMs <= now).slice(0, limits.firedMax)
      for (const [key, { record }] of due) {
        deadlines.delete(key)
        if (!outbox.has(record.id)) add(record)
      }
      const next = byTime[due.length]?.[1].dueMs
      return {
        records: due.map(([, { dueMs, record }]) => ({ id: record.id, lateMs: now - dueMs })),
        nextMs: next === undefined ? undefined : next - now,
      }
    },
    pendingDeadlines(): PendingDeadlines {
      const dueMs = [...deadlines.values()].reduce((first, one) => Math.min(first, one.dueMs), Infinity)
      return { count: deadlines.size, overdueMs: Math.max(0, nowMs() - dueMs) }
    },
  }
}

/** Records with the same answer keep their order; the others have none. */
function orderOf({ topic, key }: OutgoingRecord): string | undefined {
  return typeof key === 'string' ? nameOf(topic, key) : undefined
}

/** Headers whose value is undefined are not stored. */
function withoutAbsent(record: OutgoingRecord): OutgoingRecord {
  const headers = Object.entries(record.headers).filter(([, value]) => value !== undefined)
  return { ...record, headers: Object.fromEntries(headers) }
}
