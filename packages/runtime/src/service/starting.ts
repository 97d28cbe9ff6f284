import { isTroupeError, messageOf, TroupeError } from '@troupe/core'
import type { Dependencies, DependencyName } from './dependencies.ts'
import type { Settings } from '../settings/environment.ts'

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
  /** True for what the start can do without: it is thrown as it is. */
  readonly canDoWithout?: (error: unknown) => boolean
}

/** When a start is given up. */
export interface Patience {
  /** Aborted with the deadline, when the service is stopped, and when the start fails for another reason. */
  readonly signal: AbortSignal
  readonly deadline: AbortSignal
}

/**
 * Tries until it works or the deadline comes; then refuses the start with what, where, since when and
 * what to do. A right that is missing is no matter of waiting: somebody has to grant it.
 *
 * @throws what the attempt throws where waiting does not help, `TROUPE_ACCESS_DENIED` too; TroupeError `TROUPE_STOPPED` if it was called off
 */
export async function insistUntil<T>(
  { signal, deadline }: Patience,
  dependencies: Dependencies,
  { name, doing, attempt, sinceMs, where, canDoWithout = () => false }: Need<T>,
): Promise<T> {
  try {
    return await dependencies.insist(name, doing, attempt, signal, {
      isFatal: (error) => isTroupeError(error, 'TROUPE_ACCESS_DENIED') || canDoWithout(error),
    })
  } catch (error) {
    if (isTroupeError(error, 'TROUPE_ACCESS_DENIED')) throw deniedBy(name, error)
    if (!isTroupeError(error, 'TROUPE_STOPPED') || !deadline.aborted) throw error
    const { state, error: last } = dependencies.states()[name]
    throw new TroupeError(
      codes[name],
      `Could not ${doing}: ${name} at ${where} has not answered since ${new Date(sinceMs).toISOString()}. ${
        state === 'down' && last !== undefined ? `The last attempt said: ${last} ` : ''
      }${settingNames[name]} says where it is looked for, TROUPE_START_TIMEOUT_MS how long.`,
      { cause: error, details: { dependency: name, where, since: new Date(sinceMs).toISOString() } },
    )
  }
}

/** Rooms know nothing of settings: where the user name and the password stand is said here. */
function deniedBy(name: DependencyName, error: TroupeError): TroupeError {
  if (name === 'kafka') return error
  return new TroupeError(
    'TROUPE_ACCESS_DENIED',
    `${error.message} The user and the address come from ${settingNames[name]}.`,
    {
      cause: error,
      details: error.details,
    },
  )
}

/**
 * Waits for all. The first that refuses calls the others off; if several refuse by themselves, one error
 * says what each said.
 */
export async function allOrFirstRefusal(
  needs: readonly Promise<unknown>[],
  callOff: () => void,
): Promise<void> {
  for (const need of needs) need.catch(callOff)
  const ends = await Promise.allSettled(needs)
  const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))
  if (errors.length === 0) return
  const own = errors.filter((error) => !isTroupeError(error, 'TROUPE_STOPPED'))
  const [first] = own.length > 0 ? own : errors
  if (own.length <= 1 || !isTroupeError(first)) throw first
  throw new TroupeError(first.code, own.map(messageOf).join('\n'), {
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
