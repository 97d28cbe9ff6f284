/** The partition of a key, as the Java client's default partitioner chooses it. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitionCount
}

/** Source: Kafka, `org.apache.kafka.common.utils.Utils.murmur2`. A signed 32-bit number. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes
  const tail = length & ~3
  let hash = seed ^ length
  for (let at = 0; at < tail; at += 4) {
    const word = byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16)
    const mixed = Math.imul(word | (byteAt(bytes, at + 3) << 24), multiplier)
    hash = Math.imul(hash, multiplier) ^ Math.imul(mixed ^ (mixed >>> 24), multiplier)
  }
  if (tail < length) {
    for (let at = length - 1; at >= tail; at -= 1) hash ^= byteAt(bytes, at) << (8 * (at - tail))
    hash = Math.imul(hash, multiplier)
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return hash ^ (hash >>> 15)
}

const seed = 0x9747b28c
const multiplier = 0x5bd1e995

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number
}
