/** Bytes as kafkajs wants them of an encoder that it copies from. */
export function encoderOf(bytes: Buffer): { readonly buf: Buffer; readonly buffer: Buffer; size(): number } {
  return { buf: bytes, buffer: bytes, size: () => bytes.length }
}
