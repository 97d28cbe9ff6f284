import {
  type AsideRecord,
  type Claim,
  type DeadLetterWrite,
  deadLetterIdOf,
  type Failure,
  type KeyPlace,
  type Ledger,
  type ParkedKeyWrite,
  type Parking,
  type RawRecord,
} from '@troupe/core'
import { moveOf, request, settlement } from './case-building.ts'

export const partition = { topic: 'order.events', partition: 3 }
export const action = { by: 'ada', reason: 'the gateway is mended' }
export const firstPage = { after: 0n, limit: 100 }
export const limits = { recordsPerKeyMax: 10, bytesMax: 1_000_000 }

export const place = (key: string): KeyPlace => ({ ...partition, key })

export function failure(part: Partial<Failure> = {}): Failure {
  return {
    reaction: 'charge',
    code: 'TROUPE_REACTION_FAILED',
    message: 'no card',
    stack: 'at charge',
    group: 'charge-1',
    ...part,
  }
}

export function aside(offset: number, key = 'order-1', part: Partial<RawRecord> = {}): AsideRecord {
  return {
    record: {
      ...partition,
      offset: BigInt(offset),
      key: new TextEncoder().encode(key),
      value: Uint8Array.of(offset),
      headers: { ce_id: `event-${offset}`, raw: [Uint8Array.of(0, 255), 'b'] },
      timestampMs: 1_000 + offset,
      ...part,
    },
    event: { source: 'order', id: `event-${offset}`, type: 'OrderReceived', saga: `saga-${key}` },
  }
}

/** A key that begins to be parked. */
export function park(key: string, offsets: readonly number[], delayMs = 0): ParkedKeyWrite {
  return {
    ...place(key),
    form: 'park',
    next: { state: 'waiting', delayMs, attempts: 1, failure: failure() },
    records: offsets.map((offset) => aside(offset, key)),
  }
}

export function letter(
  offset: number,
  key = 'order-1',
  part: Partial<DeadLetterWrite> = {},
): DeadLetterWrite {
  const record = aside(offset, key)
  return {
    id: deadLetterIdOf(record.record),
    key,
    ...record,
    failure: failure(),
    attempts: 6,
    firstFailedAtMs: undefined,
    ...part,
  }
}

export function parking(
  keys: readonly ParkedKeyWrite[],
  deadLetters: readonly DeadLetterWrite[] = [],
): Parking {
  return { keys, deadLetters }
}

/** The owner of the partition, who settles one thing after the other. */
export async function ownerOf(ledger: Ledger) {
  let claim: Claim = await ledger.claim(partition)
  return {
    async settle(what: Parking, part: Parameters<typeof settlement>[0] = {}): Promise<void> {
      const to = (claim.next ?? 0n) + 1n
      await ledger.settle(settlement({ position: moveOf(claim, to), parking: what, ...part }))
      claim = { ...claim, next: to }
    },
  }
}

/** A key as a recall finds it; undefined if it is not parked. */
export async function versionOf(ledger: Ledger, key: string): Promise<number | undefined> {
  return (await ledger.recall(request({ keys: [place(key)] }))).keys[0]?.version
}

/** What is parked for a key, by offset. */
export async function offsetsOf(ledger: Ledger, key: string): Promise<readonly number[]> {
  const { found } = await ledger.parkedRecords(place(key), { after: -1n, limit: 1_000 })
  return found.map(({ record }) => Number(record.offset))
}

/** Keys that are due in the partition. */
export async function dueIn(ledger: Ledger): Promise<readonly string[]> {
  return (await ledger.dueKeys([partition], 100)).keys.map(({ key }) => key)
}
