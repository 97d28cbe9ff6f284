/** The bytes of one segment. Only ever appended to; whoever created it closes or removes it. */
export interface SegmentBytes {
  /** Puts the bytes after all others, wholly or (by throwing) not at all. */
  append(bytes: Buffer): void
  /** Bytes that were appended. The result is never written to again. */
  read(position: number, length: number): Buffer
  /** Whether a batch of this size still belongs here; a fresh segment has room for any. */
  hasRoomFor(sizeBytes: number): boolean
  close(): void
  /** Closes, and gives the space back. */
  remove(): void
}

/** Where a partition's segments come from. */
export interface SegmentSource {
  create(baseOffset: number, sizeBytesMin: number): SegmentBytes
}

const MEMORY_SEGMENT_BYTES_MIN = 16 * 1024
const MEMORY_SEGMENT_BYTES_MAX = 4 * 1024 * 1024

/**
 * Segments in memory: a buffer of fixed size each, so that a fetch gets a view and nothing is copied.
 * They start small (many topics of a test stay nearly empty) and double.
 */
export function memorySegments(): SegmentSource {
  let nextBytes = MEMORY_SEGMENT_BYTES_MIN
  return {
    create(_baseOffset, sizeBytesMin) {
      const capacity = Math.max(nextBytes, sizeBytesMin)
      nextBytes = Math.min(nextBytes * 2, MEMORY_SEGMENT_BYTES_MAX)
      return memorySegment(capacity)
    },
  }
}

function memorySegment(capacity: number): SegmentBytes {
  let buffer = Buffer.allocUnsafeSlow(capacity)
  let length = 0
  const drop = (): void => {
    buffer = Buffer.alloc(0)
    length = 0
  }
  return {
    append(bytes) {
      bytes.copy(buffer, length)
      length += bytes.length
    },
    read: (position, count) => buffer.subarray(position, position + count),
    hasRoomFor: (sizeBytes) => length + sizeBytes <= buffer.length,
    close: drop,
    remove: drop,
  }
}
