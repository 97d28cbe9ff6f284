/**
 * Bytes that are not what the protocol says they are. The connection that sent them is closed, as a
 * real broker does: after a frame that cannot be read, nothing that follows can be trusted.
 */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}
