const offsetBasis = 0xcbf29ce484222325n
const prime = 0x100000001b3n
const mask = (1n << 64n) - 1n

/**
 * Twelve hexadecimal digits that are the same for the same parts. For names that people type; a collision puts two
 * things under one name and must do no harm. FNV-1a, 64 bits, over UTF-16 units.
 */
export function fingerprintOf(parts: readonly string[]): string {
  let hash = offsetBasis
  const text = JSON.stringify(parts)
  for (let index = 0; index < text.length; index++) {
    hash ^= BigInt(text.charCodeAt(index))
    hash = (hash * prime) & mask
  }
  return hash.toString(16).padStart(16, '0').slice(-12)
}
