/** A deep copy of event data: what Avro can carry, in plain objects of the caller's realm. */
export function dataCopy<T>(value: T): T {
  return copyOf(value) as T
}

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf)
  if (value instanceof Uint8Array) return Uint8Array.prototype.slice.call(value)
  if (value instanceof Date) return new Date(value)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copyOf(inner)]))
}

/** A document's state as the database gives it back: JSON, and no more. @throws TypeError on a bigint */
export function jsonCopy<T extends object>(state: T): T {
  return JSON.parse(JSON.stringify(state)) as T
}

/** Freezes plain objects and arrays at every depth, and returns them. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}

/** JSON that does not depend on the order of properties. */
export function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_name, inner: unknown) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? 'undefined'
  )
}
