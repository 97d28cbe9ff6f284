const TWO_TO_32 = 0x1_0000_0000
/** From this size on, bytes are sent from where they lie instead of being copied into the frame. */
const ATTACH_BYTES_MIN = 1024

/**
 * Writes the protocol's primitives. Small values go into a buffer that grows; large byte strings (the
 * record batches of a fetch) are attached as they are, so that a frame is a list of buffers for one
 * vectored write.
 */
export class Writer {
  readonly version: number
  readonly isFlexible: boolean
  #buffer = Buffer.allocUnsafe(256)
  #length = 0
  /** Where the part of `#buffer` that is not in `#parts` yet begins. */
  #partStart = 0
  #parts: Buffer[] = []
  #partsLength = 0

  constructor(version: number, isFlexible: boolean) {
    this.version = version
    this.isFlexible = isFlexible
  }

  int8(value: number): void {
    const at = this.#grow(1)
    this.#buffer.writeInt8(value, at)
  }

  int16(value: number): void {
    const at = this.#grow(2)
    this.#buffer.writeInt16BE(value, at)
  }

  int32(value: number): void {
    const at = this.#grow(4)
    this.#buffer.writeInt32BE(value, at)
  }

  int64(value: number): void {
    const at = this.#grow(8)
    this.#buffer.writeInt32BE(Math.floor(value / TWO_TO_32), at)
    this.#buffer.writeUInt32BE(value >>> 0, at + 4)
  }

  unsignedVarint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.#byte((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.#byte(rest)
  }

  text(value: string, length: number): void {
    const at = this.#grow(length)
    this.#buffer.write(value, at, length, 'utf8')
  }

  bytes(value: Buffer): void {
    if (value.length < ATTACH_BYTES_MIN) {
      const at = this.#grow(value.length)
      value.copy(this.#buffer, at)
      return
    }
    this.#seal()
    this.#parts.push(value)
    this.#partsLength += value.length
  }

  /** The frame: its length as int32, then all that was written. */
  frame(): Buffer[] {
    this.#seal()
    const size = Buffer.allocUnsafe(4)
    size.writeInt32BE(this.#partsLength)
    return [size, ...this.#parts]
  }

  /** All that was written, in one piece and without the frame's length. */
  toBuffer(): Buffer {
    this.#seal()
    return Buffer.concat(this.#parts)
  }

  #byte(value: number): void {
    const at = this.#grow(1)
    this.#buffer[at] = value
  }

  #seal(): void {
    if (this.#length === this.#partStart) return
    const part = this.#buffer.subarray(this.#partStart, this.#length)
    this.#parts.push(part)
    this.#partsLength += part.length
    this.#partStart = this.#length
  }

  #grow(length: number): number {
    if (this.#length + length > this.#buffer.length) {
      // What is already sealed stays where it is; only the open part moves.
      const open = this.#buffer.subarray(this.#partStart, this.#length)
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, open.length + length))
      open.copy(larger)
      this.#buffer = larger
      this.#length = open.length
      this.#partStart = 0
    }
    const at = this.#length
    this.#length += length
    return at
  }
}
