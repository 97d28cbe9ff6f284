import { createHash } from 'node:crypto'

/** Two of these fit into one index entry, of which a page of PostgreSQL holds three. */
const bytesMax = 1_200
const prefixLength = 100

/**
 * How the inbox keeps a source or an id: as it is, unless two of its size were too much for the index.
 * Events come from anywhere; one that can be named but not remembered would stop its partition for good.
 */
export function inboxName(name: string): string {
  // No UTF-16 unit takes more than three bytes.
  if (name.length * 3 <= bytesMax || Buffer.byteLength(name) <= bytesMax) return name
  // Without a surrogate pair that the cut has halved.
  const prefix = name.slice(0, prefixLength).replace(/[\uD800-\uDBFF]$/, '')
  return `${prefix}#${createHash('sha256').update(name).digest('hex')}`
}
