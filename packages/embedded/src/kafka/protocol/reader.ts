import { ProtocolError } from './protocol-error.ts'

const TWO_TO_32 = 0x1_0000_0000

/**
 * Reads the protocol's primitives from one frame, front to back. Every read checks that the frame is
 * long enough, so a lying length ends in a {@link ProtocolError} and never reads beyond the frame.
 *
 * 64-bit integers become JavaScript numbers: offsets and timestamps stay far below 2^53.
 */
export class Reader {
  readonly #buffer: Buffer
  #position: number
  /** The API version that the frame speaks: decides which fields are there. */
  readonly version: number
  /** Whether that version uses compact lengths and tagged fields (KIP-482). */
  readonly isFlexible: boolean

  constructor(buffer: Buffer, version: number, isFlexible: boolean, position = 0) {
    this.#buffer = buffer
    this.#position = position
    this.version = version
    this.isFlexible = isFlexible
  }

  get remaining(): number {
    return this.#buffer.length - this.#position
  }

  int8(): number {
    return this.#buffer.readInt8(this.#take(1))
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#take(4))
  }

  int64(): number {
    const at = this.#take(8)
    return this.#buffer.readInt32BE(at) * TWO_TO_32 + this.#buffer.readUInt32BE(at + 4)
  }

  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#buffer[this.#take(1)] as number
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new ProtocolError('a varint is longer than five bytes')
  }

  /** A view into the frame, not a copy. */
  slice(length: number): Buffer {
    const at = this.#take(length)
    return this.#buffer.subarray(at, at + length)
  }

  text(length: number): string {
    const at = this.#take(length)
    return this.#buffer.toString('utf8', at, at + length)
  }

  #take(length: number): number {
    if (length < 0 || length > this.remaining) {
      throw new ProtocolError(`the frame ends ${length - this.remaining} bytes too early`)
    }
    const at = this.#position
    this.#position += length
    return at
  }
}
