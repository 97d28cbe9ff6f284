import { TroupeError } from '@troupe/core'

/** Confluent wire format: a zero byte, the schema's id as int32 in network order, the Avro payload. */
export const headerBytes = 5

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function writeHeader(buffer: Buffer, id: number): void {
  buffer[0] = 0
  buffer.writeInt32BE(id, 1)
}

/**
 * The schema id that a record names.
 *
 * @throws TroupeError `TROUPE_WIRE_FORMAT_FOREIGN`, `TROUPE_WIRE_FORMAT_TRUNCATED`
 */
export function schemaIdOf(bytes: Buffer, type: string): number {
  const magic = bytes[0]
  if (magic !== undefined && magic !== 0) {
    throw new TroupeError(
      'TROUPE_WIRE_FORMAT_FOREIGN',
      `${type} starts with the byte ${magic}, so it is not in Confluent wire format, which starts with 0. Let its producer write Avro through a Schema Registry serializer.`,
      { details: { type, magic } },
    )
  }
  if (bytes.length < headerBytes) {
    throw new TroupeError(
      'TROUPE_WIRE_FORMAT_TRUNCATED',
      `${type} has ${bytes.length} bytes, fewer than the ${headerBytes} of the Confluent wire format's header. Look at its producer: the record was cut.`,
      { details: { type, bytes: bytes.length } },
    )
  }
  return bytes.readInt32BE(1)
}
