/**
 * CRC-32C (Castagnoli) of the bytes from `start` up to `end`, eight bytes a step by as many tables.
 * Source: RFC 3720, appendix B.4; Kafka protocol, record batch.
 */
export function crc32C(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = -1
  let at = start
  for (; at + 8 <= end; at += 8) {
    const first =
      crc ^
      (byteAt(bytes, at) |
        (byteAt(bytes, at + 1) << 8) |
        (byteAt(bytes, at + 2) << 16) |
        (byteAt(bytes, at + 3) << 24))
    crc =
      entry(7, first & 0xff) ^
      entry(6, (first >>> 8) & 0xff) ^
      entry(5, (first >>> 16) & 0xff) ^
      entry(4, first >>> 24) ^
      entry(3, byteAt(bytes, at + 4)) ^
      entry(2, byteAt(bytes, at + 5)) ^
      entry(1, byteAt(bytes, at + 6)) ^
      entry(0, byteAt(bytes, at + 7))
  }
  for (; at < end; at += 1) crc = entry(0, (crc ^ byteAt(bytes, at)) & 0xff) ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Reversed, as the algorithm shifts to the right. */
const polynomial = 0x82f63b78

/** Table `n` holds, at `n * 256 + byte`, what a byte does to the checksum when `n` bytes follow it. */
const tables = (() => {
  const all = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    all[byte] = crc
  }
  for (let at = 256; at < all.length; at += 1) {
    const before = all[at - 256] as number
    all[at] = (all[before & 0xff] as number) ^ (before >>> 8)
  }
  return all
})()

function entry(table: number, byte: number): number {
  return tables[table * 256 + byte] as number
}

/** Callers stay below the end. */
function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number
}
