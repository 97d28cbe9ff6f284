import type { HeaderValue, RecordHeaders } from '@troupe/core'

// How a record's key and headers are kept so that text comes back as text and bytes as bytes: the key
// as its bytes and a flag, the headers as JSON in which bytes are `{ "base64": … }`.

type StoredValue = string | { readonly base64: string }
type StoredHeaders = Record<string, StoredValue | readonly StoredValue[]>

export function keyIsText(key: string | Uint8Array | null): boolean {
  return typeof key === 'string'
}

export function keyOf(bytes: Buffer | null, isText: boolean): string | Uint8Array | null {
  return bytes && isText ? bytes.toString() : bytes
}

export function storedHeaders(headers: RecordHeaders): StoredHeaders {
  // As those of every event that Troupe emits.
  if (isAllText(headers)) return headers
  const stored: [string, StoredValue | StoredValue[]][] = []
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) stored.push([name, isMany(value) ? value.map(storedValue) : storedValue(value)])
  }
  // Not by assignment: a header may be called `__proto__`.
  return Object.fromEntries(stored)
}

export function headersFrom(stored: string): RecordHeaders {
  const entries = Object.entries(JSON.parse(stored) as StoredHeaders)
  return Object.fromEntries(
    entries.map(([name, value]) => [name, isMany(value) ? value.map(valueFrom) : valueFrom(value)]),
  )
}

function isAllText(headers: RecordHeaders): headers is Record<string, string> {
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined && typeof value !== 'string') return false
  }
  return true
}

function storedValue(value: HeaderValue): StoredValue {
  if (typeof value === 'string') return value
  return { base64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
}

function valueFrom(stored: StoredValue): HeaderValue {
  return typeof stored === 'string' ? stored : Buffer.from(stored.base64, 'base64')
}

function isMany<One>(value: One | readonly One[]): value is readonly One[] {
  return Array.isArray(value)
}
