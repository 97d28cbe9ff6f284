/** What `fill` returns for a value that does not fit. */
export const refused: unique symbol = Symbol('refused')

/** One thing that is wrong with a value. `text` may quote the value; `path` does not. */
export interface Problem {
  readonly path: string
  readonly text: string
}

/**
 * A shape, compiled. Events are checked on the hot path and nearly all are right, so there are two ways:
 * `fill` only says yes or no, and `explain` walks again to say why not.
 */
export interface Check {
  /** The value with its defaults filled in, as new objects and arrays; {@link refused} if it does not fit. */
  readonly fill: (value: unknown) => unknown
  /** Adds what is wrong with a value that `fill` refused. */
  readonly explain: (value: unknown, path: string, problems: Problem[]) => void
}

/** Says that the value at `path` is not what it must be. */
export function problemOf(path: string, expected: string, value: unknown): Problem {
  return { path, text: `${path === '' ? 'the data' : path} must be ${expected}, not ${describe(value)}` }
}

/** True if the text has no half of a surrogate pair: what UTF-8 can hold. */
export function isWellFormed(text: string): boolean {
  // ES2024, in Node since 20; the compiler's library is ES2023.
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed()
}

/** True for what a stack overflow throws: a value nested too deeply, or one that holds itself. By name, since it may come of another realm. */
export function isTooDeep(error: unknown): boolean {
  return (error as { name?: unknown } | undefined)?.name === 'RangeError'
}

/** A value as a message shows it: enough to recognise it, never all of it. */
function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value)
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return 'an array'
      if (value instanceof Uint8Array) return `${value.length} bytes`
      return value instanceof Date ? 'a Date' : 'an object'
    default:
      return `a ${typeof value}`
  }
}
