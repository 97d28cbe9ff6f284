import { fingerprintOf } from './fingerprint.ts'
import { offsetName } from './log-place.ts'
import type { RawRecord } from './record.ts'

const lengthMax = 200
const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * Under which name a record's key is parked, within its partition: the key itself if it is text of a fair
 * length, a prefix and a hash of it otherwise. A record without a key is alone: `@` and its offset.
 *
 * Two keys of one name would be parked together, which holds up more than necessary and inverts nothing.
 */
export function keyNameOf(record: Pick<RawRecord, 'key' | 'offset' | 'life'>): string {
  const { key } = record
  if (key === null) return `@${offsetName(record)}`
  const text = textOf(key)
  if (text !== undefined && text.length <= lengthMax && !/\0|\p{Surrogate}/u.test(text)) return text
  const hash = fingerprintOf([text ?? Array.from(key, (byte) => byte.toString(16)).join(' ')])
  return `${(text ?? '').slice(0, 40).replace(/\0|[\uD800-\uDBFF]$/gu, '')}#${hash}`
}

function textOf(key: Uint8Array): string | undefined {
  try {
    return decoder.decode(key)
  } catch {
    return undefined
  }
}
