import { ProtocolError } from './protocol-error.ts'
import { Reader } from './reader.ts'

/** What every request opens with: the first eight bytes are the same in all versions. */
export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
}

const FIXED_BYTES = 8

/** Reads the part of the header that can be read without knowing whether the version is flexible. */
export function readRequestHeader(frame: Buffer): RequestHeader {
  if (frame.length < FIXED_BYTES) throw new ProtocolError(`a request of ${frame.length} bytes`)
  return {
    apiKey: frame.readInt16BE(0),
    apiVersion: frame.readInt16BE(2),
    correlationId: frame.readInt32BE(4),
  }
}

/**
 * Reads the rest of the header and leaves the reader at the body. The client id keeps its classic length
 * even in flexible headers, so that it can be read before the version is known to be supported.
 */
export function openRequestBody(
  frame: Buffer,
  version: number,
  isFlexible: boolean,
): { clientId: string | null; body: Reader } {
  const body = new Reader(frame, version, isFlexible, FIXED_BYTES)
  const length = body.int16()
  const clientId = length < 0 ? null : body.text(length)
  if (isFlexible) skipTags(body)
  return { clientId, body }
}

function skipTags(reader: Reader): void {
  const count = reader.unsignedVarint()
  for (let index = 0; index < count; index += 1) {
    reader.unsignedVarint()
    reader.slice(reader.unsignedVarint())
  }
}
