import { isTroupeError, messageOf, TroupeError } from '@troupe/core'
import type { Dependencies, DependencyName } from './dependencies.ts'
import type { Settings } from './environment.ts'

const codes = {
  database: 'TROUPE_DATABASE_UNREACHABLE',
  kafka: 'TROUPE_KAFKA_UNREACHABLE',
  registry: 'TROUPE_REGISTRY_UNREACHABLE',
} as const

const settingNames = {
  database: 'DATABASE_URL',
  kafka: 'KAFKA_BROKERS',
  registry: 'SCHEMA_REGISTRY_URL',
} as const

interface Need<T> {
  readonly name: DependencyName
  readonly doing: string
  readonly attempt: () => Promise<T>
  readonly sinceMs: number
  /** The address, without a password. */
  readonly where: string
}

/**
 * Tries until it works or the deadline comes; then refuses the start with what, where, since when and
 * what to do.
 */
export async function insistUntil<T>(
  deadline: AbortSignal,
  callOff: AbortSignal,
  dependencies: Dependencies,
  { name, doing, attempt, sinceMs, where }: Need<T>,
): Promise<T> {
  const timedOut = new Promise<never>((_resolve, reject) => {
    for (const signal of [deadline, callOff]) {
      const refuse = () =>
        reject(new TroupeError('TROUPE_STOPPED', `The start was called off while waiting to ${doing}.`))
      if (signal.aborted) refuse()
      else signal.addEventListener('abort', refuse, { once: true })
    }
  })
  try {
    // The attempt itself may hang, not only fail: the deadline counts either way.
    return await Promise.race([dependencies.insist(name, doing, attempt, deadline), timedOut])
  } catch (error) {
    if (!isTroupeError(error, 'TROUPE_STOPPED') || callOff.aborted) throw error
    const { state, error: last } = dependencies.states()[name]
    throw new TroupeError(
      codes[name],
      `Could not ${doing}: ${name} at ${where} has not answered since ${new Date(sinceMs).toISOString()}. ${
        state === 'down' && last !== undefined ? `The last attempt said: ${last} ` : ''
      }Check that it runs and that ${settingNames[name]} names it, or wait longer with TROUPE_START_TIMEOUT_MS.`,
      { cause: error, details: { dependency: name, where, since: new Date(sinceMs).toISOString() } },
    )
  }
}

/** Waits for all; if several refuse, one error says what each said. */
export async function allOrFirstRefusal(needs: readonly Promise<unknown>[]): Promise<void> {
  const ends = await Promise.allSettled(needs)
  const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))
  const [first] = errors
  if (errors.length === 0) return
  if (errors.length === 1 || !isTroupeError(first)) throw first
  throw new TroupeError(first.code, errors.map(messageOf).join('\n'), {
    cause: first,
    details: first.details,
  })
}

/** A dependency's address as its setting names it, without a password. */
export function whereIs(name: DependencyName, settings: Settings): string {
  if (name === 'kafka') return settings.kafkaBrokers.join(',')
  const url = new URL(name === 'database' ? settings.databaseUrl : settings.registryUrl)
  url.username = ''
  url.password = ''
  url.search = ''
  return url.href
}
