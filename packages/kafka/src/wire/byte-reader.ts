/** Reads an answer front to back, in Kafka's primitive types. @throws RangeError if the bytes end before the answer does */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#pass(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#pass(4))
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#pass(8))
  }

  string(): string {
    return this.#text(this.int16())
  }

  /** Bytes after their size; none for null. */
  sizedBytes(): Buffer {
    return this.bytes(Math.max(0, this.int32()))
  }

  bytes(size: number): Buffer {
    const start = this.#pass(size)
    return this.#bytes.subarray(start, start + size)
  }

  /** An unsigned varint, in which flexible versions give sizes: one more than the size, 0 for null. */
  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < uvarintBitsMax; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#pass(1))
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new RangeError('a size in the answer is longer than a size can be')
  }

  /** The size of a compact array; 0 for null. */
  compactSize(): number {
    return Math.max(0, this.uvarint() - 1)
  }

  compactString(): string {
    return this.#text(this.compactSize())
  }

  /** The fields that later versions may have added to a flexible structure. */
  skipTags(): void {
    for (let count = this.uvarint(); count > 0; count -= 1) {
      this.uvarint()
      this.bytes(this.uvarint())
    }
  }

  #text(size: number): string {
    const start = this.#pass(size)
    return this.#bytes.toString('utf8', start, start + size)
  }

  #pass(count: number): number {
    const at = this.#at
    this.#at += count
    if (count < 0 || this.#at > this.#bytes.length) throw new RangeError('the answer of a broker is cut off')
    return at
  }
}

const uvarintBitsMax = 35
