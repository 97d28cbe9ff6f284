import { hash } from 'node:crypto'
import type { DeriveId } from '@troupe/core'
import { v7 } from 'uuid'

/** The first UUID of version 7 or 8: it begins with its time, or with what was handed down of another one's. */
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/
const beginningLength = 13

/**
 * Derives a UUID (version 8, RFC 9562) from parts: the same parts, the same id, in every process and at every
 * attempt. It begins as the first such UUID among them, if there is one: all ids of a saga lie beside each
 * other in every index, and those of one hour beside those of the hour before. The other 74 bits are a hash.
 */
export const deriveId: DeriveId = (...parts) => {
  const digest = hash('sha256', JSON.stringify(parts), 'hex')
  const first = beginningOf(parts) ?? `${digest.slice(0, 8)}-${digest.slice(8, 12)}`
  const variant = ((Number.parseInt(digest.slice(16, 17), 16) & 0x3) | 0x8).toString(16)
  return `${first}-8${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`
}

function beginningOf(parts: readonly string[]): string | undefined {
  for (const part of parts) {
    const at = part.search(uuid)
    if (at >= 0) return part.slice(at, at + beginningLength)
  }
  return undefined
}

/** A new idempotency key for a request that came without one. */
export function newIdempotencyKey(): string {
  return v7()
}

/** A hash of a command's input that does not depend on the order of its properties. */
export function inputHashOf(input: unknown): string {
  return hash('sha256', canonical(input), 'hex')
}

function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_name, inner: unknown) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? 'undefined'
  )
}
