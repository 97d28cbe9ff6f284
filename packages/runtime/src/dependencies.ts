import { ExponentialBackoff, handleWhen, retry } from 'cockatiel'
import { type Log, messageOf, retryVerdictOf, TroupeError } from '@troupe/core'

/** What a service cannot work without. */
export const dependencyNames = ['database', 'kafka', 'registry'] as const
export type DependencyName = (typeof dependencyNames)[number]

export interface DependencyState {
  readonly state: 'unknown' | 'up' | 'down'
  /** When it came into this state, in milliseconds since the epoch. */
  readonly sinceMs: number
  /** What the last attempt said, while it is down. */
  readonly error?: string
}

/** Knows which dependency answers, and waits for one that does not. */
export interface Dependencies {
  states(): Readonly<Record<DependencyName, DependencyState>>
  report(name: DependencyName, error: unknown): void
  /**
   * Tries until it works, with backoff and jitter, as long as the error says that waiting may help.
   *
   * @param doing what is tried, for the log: "settle a batch"
   * @throws what the attempt throws, if waiting does not help; TroupeError `TROUPE_STOPPED` once `signal` aborts
   */
  insist<T>(name: DependencyName, doing: string, attempt: () => Promise<T>, signal: AbortSignal): Promise<T>
}

const delayMsFirst = 50
const delayMsMax = 5_000
/** A dependency that stays away is mentioned this often, not at every attempt. */
const reminderMs = 15_000

/** Creates the tracker of one service's dependencies. */
export function createDependencies({
  log,
  now,
}: {
  readonly log: Log
  readonly now: () => number
}): Dependencies {
  const states: Record<DependencyName, DependencyState> = {
    database: { state: 'unknown', sinceMs: now() },
    kafka: { state: 'unknown', sinceMs: now() },
    registry: { state: 'unknown', sinceMs: now() },
  }
  const remindedAtMs = new Map<DependencyName, number>()

  function report(name: DependencyName, error: unknown): void {
    const before = states[name]
    if (error === undefined) {
      if (before.state === 'up') return
      states[name] = { state: 'up', sinceMs: now() }
      if (before.state === 'down') {
        log.info({ dependency: name, downMs: now() - before.sinceMs }, `${name} answers again`)
      }
      return
    }
    states[name] = {
      state: 'down',
      sinceMs: before.state === 'down' ? before.sinceMs : now(),
      error: messageOf(error),
    }
    const remindedMs = before.state === 'down' ? (remindedAtMs.get(name) ?? 0) : 0
    if (now() - remindedMs < reminderMs) return
    remindedAtMs.set(name, now())
    log.warn(
      { dependency: name, sinceMs: states[name].sinceMs, err: error },
      `${name} does not answer; trying again: ${messageOf(error)}`,
    )
  }

  return {
    states: () => ({ ...states }),
    report,
    async insist(name, doing, attempt, signal) {
      const calledOff = (cause: unknown): TroupeError =>
        new TroupeError(
          'TROUPE_STOPPED',
          `Gave up to ${doing}: the work was called off. It will be done after the next start.`,
          { cause },
        )
      const tryOnce = async () => {
        try {
          const result = await attempt()
          report(name, undefined)
          return result
        } catch (error) {
          if (retryVerdictOf(error) === 'wait') report(name, error)
          throw error
        }
      }
      try {
        return await tryOnce()
      } catch (error) {
        if (retryVerdictOf(error) !== 'wait') throw error
        if (signal.aborted) throw calledOff(error)
      }
      const policy = retry(
        handleWhen((error) => !signal.aborted && retryVerdictOf(error) === 'wait'),
        {
          maxAttempts: Number.MAX_SAFE_INTEGER,
          backoff: new ExponentialBackoff({ initialDelay: delayMsFirst, maxDelay: delayMsMax }),
        },
      )
      try {
        return await policy.execute(tryOnce, signal)
      } catch (error) {
        if (signal.aborted && retryVerdictOf(error) !== 'let-go') throw calledOff(error)
        throw error
      }
    },
  }
}
