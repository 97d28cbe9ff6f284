import { hash } from 'node:crypto'
import type { DeriveId } from '@troupe/core'
import { v7 } from 'uuid'

/** Derives a UUID (version 8, RFC 9562) from parts: the same parts, the same id, in every process and at every attempt. */
export const deriveId: DeriveId = (...parts) => {
  const digest = hash('sha256', JSON.stringify(parts), 'hex')
  const variant = ((Number.parseInt(digest.slice(16, 17), 16) & 0x3) | 0x8).toString(16)
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`
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
