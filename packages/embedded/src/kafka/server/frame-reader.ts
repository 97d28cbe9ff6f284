import { ProtocolError } from '../protocol/protocol-error.ts'

const SIZE_BYTES = 4

/**
 * Cuts a stream of bytes into frames: four bytes of length, then that many bytes. A frame that came in
 * one chunk is a view into it; only one that was spread over several is copied, once.
 */
export class FrameReader {
  readonly #frameBytesMax: number
  #chunks: Buffer[] = []
  #length = 0

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  /** The next whole frame without its length, or null if more bytes are needed. */
  next(): Buffer | null {
    if (this.#length < SIZE_BYTES) return null
    this.#join(SIZE_BYTES)
    const head = this.#chunks[0] as Buffer
    const size = head.readInt32BE(0)
    if (size < 0 || size > this.#frameBytesMax) {
      throw new ProtocolError(
        `a request of ${size} bytes (at most ${this.#frameBytesMax} are taken); is this a Kafka client, without TLS?`,
      )
    }
    if (this.#length < SIZE_BYTES + size) return null
    this.#join(SIZE_BYTES + size)
    const whole = this.#chunks[0] as Buffer
    const rest = whole.subarray(SIZE_BYTES + size)
    if (rest.length > 0) this.#chunks[0] = rest
    else this.#chunks.shift()
    this.#length -= SIZE_BYTES + size
    return whole.subarray(SIZE_BYTES, SIZE_BYTES + size)
  }

  /** Makes the first chunk at least `length` bytes long. */
  #join(length: number): void {
    if ((this.#chunks[0] as Buffer).length >= length) return
    this.#chunks = [Buffer.concat(this.#chunks)]
  }
}
