import type { RecordHeaders } from '@troupe/core'

/** What one record says, before anything is made of it. */
export interface ReadRecord {
  readonly timestampDelta: number
  readonly offsetDelta: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: RecordHeaders
}

/** Bytes that are no records, although their checksum fits. */
export class MalformedRecords extends Error {}

/**
 * Reads the records of one batch, one after the other. Keys, values and headers are parts of the given bytes,
 * not copies. Reads nothing beyond them, and makes nothing larger than they are, whatever they say.
 *
 * Source: Kafka protocol, record.
 */
export class RecordReader {
  readonly #bytes: Buffer
  #at: number
  #end: number
  /** The names of the record before: most often the next one has the same. */
  readonly #names: { start: number; size: number; text: string }[] = []

  constructor(bytes: Buffer, start = 0) {
    this.#bytes = bytes
    this.#at = start
    this.#end = bytes.length
  }

  /** Whether all was read. */
  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** @throws MalformedRecords */
  next(): ReadRecord {
    this.#end = this.#bytes.length
    const size = this.#varint()
    const end = this.#at + size
    if (size < 0 || end > this.#end) throw new MalformedRecords('a record is longer than its batch')
    this.#end = end
    // Its attributes, which have no meaning yet.
    this.#pass(1)
    const timestampDelta = this.#varlong()
    const offsetDelta = this.#varint()
    const key = this.#varBytes()
    const value = this.#varBytes()
    const headers = this.#headers()
    if (this.#at !== end) throw new MalformedRecords('a record ends before its bytes do')
    return { timestampDelta, offsetDelta, key, value, headers }
  }

  #headers(): RecordHeaders {
    const count = this.#varint()
    if (count < 0) throw new MalformedRecords('a record has fewer headers than none')
    const headers: Record<string, Buffer | Buffer[] | undefined> = {}
    for (let index = 0; index < count; index += 1) {
      const name = this.#name(index)
      const value = this.#varBytes() ?? undefined
      // A name may be one that every object has.
      const before = Object.hasOwn(headers, name) ? headers[name] : undefined
      if (name === '__proto__') define(headers, name, value)
      else if (before === undefined || value === undefined) headers[name] = before ?? value
      else if (Array.isArray(before)) before.push(value)
      else headers[name] = [before, value]
    }
    return headers
  }

  #name(index: number): string {
    const size = this.#varint()
    const start = this.#pass(size)
    const before = this.#names[index]
    if (before?.size === size && this.#isSame(before.start, start, size)) return before.text
    const text = this.#bytes.toString('utf8', start, start + size)
    if (index < namesHeldMax) this.#names[index] = { start, size, text }
    return text
  }

  #isSame(one: number, other: number, size: number): boolean {
    const bytes = this.#bytes
    for (let at = 0; at < size; at += 1) if (bytes[one + at] !== bytes[other + at]) return false
    return true
  }

  #varBytes(): Buffer | null {
    const size = this.#varint()
    if (size === -1) return null
    const start = this.#pass(size)
    return this.#bytes.subarray(start, start + size)
  }

  #varint(): number {
    let byte = this.#byte()
    let value = byte & 0x7f
    for (let shift = 7; byte > 0x7f; shift += 7) {
      if (shift > varintShiftMax) throw new MalformedRecords('a number is longer than 5 bytes')
      byte = this.#byte()
      value |= (byte & 0x7f) << shift
    }
    return (value >>> 1) ^ -(value & 1)
  }

  /** Exact up to 2^53, which is beyond all times that a `Date` knows. */
  #varlong(): number {
    let byte = this.#byte()
    let value = byte & 0x7f
    for (let shift = 7; byte > 0x7f; shift += 7) {
      if (shift > varlongShiftMax) throw new MalformedRecords('a number is longer than 10 bytes')
      byte = this.#byte()
      value += (byte & 0x7f) * 2 ** shift
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  #byte(): number {
    return this.#bytes[this.#pass(1)] as number
  }

  #pass(count: number): number {
    const at = this.#at
    this.#at += count
    if (count < 0 || this.#at > this.#end) throw new MalformedRecords('a record is longer than it says')
    return at
  }
}

/** Assigned to, this name would become the object's prototype. */
function define(headers: object, name: string, value: Buffer | undefined): void {
  Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true })
}

const varintShiftMax = 28
const varlongShiftMax = 63
/** A record may have any number of headers; those that are alike have few. */
const namesHeldMax = 64
