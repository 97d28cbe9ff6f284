/** Writes into a buffer that grows, in Kafka's primitive types. Numbers are big-endian. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(initialBytes)
  #length = 0

  /** How much is written. */
  get length(): number {
    return this.#length
  }

  /** What is written, until something is written again. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  int8(value: number): void {
    this.#reserve(1)
    this.#length = this.#bytes.writeInt8(value, this.#length)
  }

  int16(value: number): void {
    this.#reserve(2)
    this.#length = this.#bytes.writeInt16BE(value, this.#length)
  }

  int32(value: number): void {
    this.#reserve(4)
    this.#length = this.#bytes.writeInt32BE(value, this.#length)
  }

  int64(value: bigint): void {
    this.#reserve(8)
    this.#length = this.#bytes.writeBigInt64BE(value, this.#length)
  }

  string(value: string): void {
    const size = Buffer.byteLength(value)
    this.int16(size)
    this.#reserve(size)
    this.#length += this.#bytes.write(value, this.#length, size, 'utf8')
  }

  /** As it is, without its size. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Not zigzag: for what cannot be negative, in flexible versions. */
  uvarint(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.#byte((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.#byte(rest)
  }

  #byte(value: number): void {
    this.#reserve(1)
    this.#length = this.#bytes.writeUInt8(value, this.#length)
  }

  compactString(value: string): void {
    const bytes = Buffer.from(value)
    this.uvarint(bytes.length + 1)
    this.raw(bytes)
  }

  /** Zigzag, as Kafka's varints are. */
  varint(value: number): void {
    this.#reserve(varintBytesMax)
    this.#length = putVarint(this.#bytes, value, this.#length)
  }

  varBytes(value: Uint8Array | null): void {
    if (value === null) {
      this.varint(-1)
      return
    }
    this.#reserve(varintBytesMax + value.length)
    const start = putVarint(this.#bytes, value.length, this.#length)
    this.#bytes.set(value, start)
    this.#length = start + value.length
  }

  varText(value: string): void {
    if (value.length < oneByteLengths && this.#asciiText(value)) return
    const size = Buffer.byteLength(value)
    this.#reserve(varintBytesMax + size)
    const start = putVarint(this.#bytes, size, this.#length)
    this.#length = start + this.#bytes.write(value, start, size, 'utf8')
  }

  /** Short plain text, as most headers are, is written faster than measured; false if it is not plain. */
  #asciiText(value: string): boolean {
    this.#reserve(1 + value.length)
    const bytes = this.#bytes
    const start = this.#length + 1
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index)
      if (code > 0x7f) return false
      bytes[start + index] = code
    }
    bytes[start - 1] = value.length << 1
    this.#length = start + value.length
    return true
  }

  /** Begins something that its length, as a varint, goes before. Returns what `endSized` wants. */
  beginSized(): number {
    const start = this.#length
    this.#reserve(gapBytes)
    this.#length += gapBytes
    return start
  }

  endSized(start: number): void {
    const body = start + gapBytes
    const size = this.#length - body
    const sizeBytes = varintSizeOf(size)
    this.#reserve(varintBytesMax)
    if (sizeBytes !== gapBytes) {
      this.#bytes.copyWithin(start + sizeBytes, body, this.#length)
      this.#length += sizeBytes - gapBytes
    }
    putVarint(this.#bytes, size, start)
  }

  /** Leaves room for an int32; returns what `setInt32` wants. */
  skipInt32(): number {
    const at = this.#length
    this.int32(0)
    return at
  }

  setInt32(at: number, value: number): void {
    this.#bytes.writeInt32BE(value | 0, at)
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

const initialBytes = 16 * 1024
const varintBytesMax = 5
/** What the length of a body of 64 to 8,191 bytes takes: that of most records. */
const gapBytes = 2
/** Lengths below this take one byte as a varint. */
const oneByteLengths = 64

function varintSizeOf(value: number): number {
  const zigzag = (value << 1) ^ (value >> 31)
  return Math.max(1, Math.ceil((32 - Math.clz32(zigzag)) / 7))
}

function putVarint(bytes: Buffer, value: number, start: number): number {
  let at = start
  let rest = (value << 1) ^ (value >> 31)
  while ((rest & ~0x7f) !== 0) {
    bytes[at] = (rest & 0x7f) | 0x80
    at += 1
    rest >>>= 7
  }
  bytes[at] = rest
  return at + 1
}
