import { type Log, messageOf, pause, retryVerdictOf } from '@troupe/core'
import { calledOff, unlessAborted } from '../abort.ts'
import { delaysOf } from '../delays.ts'

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

export interface InsistOptions {
  /** False where success may come out of a cache, and says nothing of the dependency. Default: true. */
  readonly isProof?: boolean
  /** True for what is not waited for, though waiting might help. Default: nothing. */
  readonly isFatal?: (error: unknown) => boolean
}

/** Knows which dependency answers, and waits for one that does not. */
export interface Dependencies {
  states(): Readonly<Record<DependencyName, DependencyState>>
  /** Tells of an attempt: what it failed with, or undefined for an answer. */
  report(name: DependencyName, error: unknown): void
  /**
   * Tries until it works, with backoff and jitter, as long as the error says that waiting may help.
   *
   * Gives up at once when `signal` aborts, also in the middle of an attempt: what that one does is unknown then.
   *
   * @param doing what is tried, for the log: "settle a batch"
   * @throws what the attempt throws, if waiting does not help; TroupeError `TROUPE_STOPPED` once `signal` aborts
   */
  insist<T>(
    name: DependencyName,
    doing: string,
    attempt: () => Promise<T>,
    signal: AbortSignal,
    options?: InsistOptions,
  ): Promise<T>
}

const delays = { firstMs: 50, maxMs: 5_000 }
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
    const isNews = before.state !== 'down'
    states[name] = {
      state: 'down',
      sinceMs: isNews ? now() : before.sinceMs,
      error: messageOf(error),
    }
    if (!isNews && now() - (remindedAtMs.get(name) ?? 0) < reminderMs) return
    remindedAtMs.set(name, now())
    log.warn(
      { dependency: name, sinceMs: states[name].sinceMs, err: error },
      `${name} does not answer; trying again: ${messageOf(error)}`,
    )
  }

  return {
    states: () => ({ ...states }),
    report,
    async insist(name, doing, attempt, signal, { isProof = true, isFatal = () => false } = {}) {
      const waits = delaysOf(delays)
      let last: unknown
      for (let hasFailed = false; ; hasFailed = true) {
        if (signal.aborted) throw calledOff(doing, last)
        try {
          const result = await unlessAborted(attempt(), signal, () => calledOff(doing, last))
          if (isProof || hasFailed) report(name, undefined)
          return result
        } catch (error) {
          if (retryVerdictOf(error) !== 'wait' || isFatal(error)) throw error
          last = error
          report(name, error)
        }
        await pause(waits.nextMs(), signal)
      }
    },
  }
}
