import { isTroupeError, messageOf } from '@troupe/core'

/** What a person needs of a kafkajs error, which wraps its cause up to three times. */
export interface KafkaProblem {
  /** Kafka's own name of the error, such as `MESSAGE_TOO_LARGE`, where the broker gave one. */
  readonly type: string | undefined
  /** A kafkajs class, or an `errno` of the socket. */
  readonly name: string
  readonly message: string
}

export function problemOf(error: unknown): KafkaProblem {
  if (isTroupeError(error)) return { type: undefined, name: error.code, message: error.message }
  let found: KafkaProblem | undefined
  let innermost = error
  const seen = new Set<unknown>()
  for (let at: unknown = error; isObject(at) && !seen.has(at); at = at['cause'] ?? at['originalError']) {
    seen.add(at)
    innermost = at
    if (typeof at['type'] === 'string' && !found) {
      found = { type: at['type'], name: nameOf(at), message: messageOf(at) }
    }
    const [first] = Array.isArray(at['errors']) ? (at['errors'] as unknown[]) : []
    if (first !== undefined && !found) return problemOf(first)
  }
  return found ?? { type: undefined, name: nameOf(innermost), message: messageOf(innermost) }
}

function nameOf(error: unknown): string {
  if (!isObject(error)) return typeof error
  if (typeof error['code'] === 'string') return error['code']
  return typeof error['name'] === 'string' ? error['name'] : 'Error'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
