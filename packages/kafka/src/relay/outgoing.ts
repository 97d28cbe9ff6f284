import type { HeaderValue, OutgoingRecord, RecordHeaders } from '@troupe/core'
import type { IHeaders, Message } from 'kafkajs'
import { byteLength, headerSize } from '../receive/received.ts'

/**
 * Called around every request: has to call `send` once, at once, and to end as it ends. The topic is the one
 * that Kafka knows.
 */
export type AroundRequest = <T>(
  request: { readonly topic: string; readonly records: readonly OutgoingRecord[] },
  send: () => Promise<T>,
) => Promise<T>

/** The record as kafkajs takes it: keys and values of bytes stay bytes, headers without a value are left out. */
export function messageOf({ key, value, headers }: OutgoingRecord): Message {
  return {
    key: key === null ? null : bytesOf(key),
    value: value === null ? null : bytesOf(value),
    headers: headersOf(headers),
  }
}

/** About what the record takes on the wire. */
export function wireSizeOf({ key, value, headers }: OutgoingRecord): number {
  let size = recordOverheadBytes + (key === null ? 0 : byteLength(key)) + (value?.byteLength ?? 0)
  for (const name in headers) size += headerOverheadBytes + name.length + headerSize(headers[name])
  return size
}

const recordOverheadBytes = 24
const headerOverheadBytes = 4

/** The key's bytes, which decide about the partition. */
export function keyOf({ key }: OutgoingRecord): Uint8Array | null {
  return typeof key === 'string' ? Buffer.from(key) : key
}

function headersOf(headers: RecordHeaders): IHeaders {
  const all: IHeaders = {}
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || value === null) continue
    all[name] = Array.isArray(value)
      ? (value as readonly HeaderValue[]).map(bytesOf)
      : bytesOf(value as HeaderValue)
  }
  return all
}

function bytesOf(value: HeaderValue): Buffer | string {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
