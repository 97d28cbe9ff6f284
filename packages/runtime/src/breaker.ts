// The circuit breakers of a process: one for each reaction that calls the outside.
//
// | state     | a call                                  | it fails                              | it succeeds |
// |-----------|-----------------------------------------|---------------------------------------|-------------|
// | closed    | is made                                 | the last of `failuresMax` in a row: open | (same)   |
// | open      | waits; the first after the pause: half-open, made | -                           | -           |
// | half-open | waits for the one that is made          | open, with a longer pause             | closed      |
//
// Invariants
// 1. While a breaker is not closed, at most one call is under way that was not when it opened.
// 2. What waits for a breaker has not been tried: it is nobody's failed attempt.
// 3. Who waits hears of it when his work is called off.

import {
  type BoundReaction,
  type BreakerPolicy,
  type Log,
  messageOf,
  pause,
  type Service,
} from '@troupe/core'
import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleWhen,
  type IBackoff,
  type IBackoffFactory,
  isBrokenCircuitError,
} from 'cockatiel'
import { calledOff, unlessAborted } from './abort.ts'

export type BreakerState = 'closed' | 'half-open' | 'open'

export interface Breaker {
  readonly state: BreakerState
  /**
   * Makes the call as soon as it may be made.
   *
   * @throws what the call throws; TroupeError `TROUPE_STOPPED` once `signal` aborts
   */
  run<Result>(call: () => Promise<Result>, signal: AbortSignal): Promise<Result>
}

export interface Breakers {
  of(bound: BoundReaction): Breaker
  /** By reaction; of those that have one. */
  states(): Readonly<Record<string, BreakerState>>
}

export const breakerDefaults: BreakerPolicy = { failuresMax: 5, pauseMs: 1_000, pauseMsMax: 10_000 }

/** So that not always the same call is the first one after a pause. */
const wakeSpreadMs = 20

/** @param defaults for what a reaction does not declare */
export function createBreakers(
  { reactions }: Pick<Service, 'reactions'>,
  { defaults, log }: { readonly defaults: BreakerPolicy; readonly log: Log },
): Breakers {
  const breakers = new Map<string, Breaker>()
  for (const { name, reaction } of reactions.values()) {
    if (!reaction.perform || reaction.breaker === false || breakers.has(name)) continue
    breakers.set(name, createBreaker(name, { ...defaults, ...reaction.breaker }, log))
  }
  return {
    of: ({ name }) => breakers.get(name) ?? none,
    states: () => Object.fromEntries([...breakers].map(([name, { state }]) => [name, state])),
  }
}

const none: Breaker = { state: 'closed', run: (call) => call() }

function createBreaker(
  reaction: string,
  { failuresMax, pauseMs, pauseMsMax }: BreakerPolicy,
  log: Log,
): Breaker {
  let openUntilMs = 0
  let sinceMs = 0
  const pauses = new ExponentialBackoff<unknown>({
    initialDelay: pauseMs,
    maxDelay: Math.max(pauseMs, pauseMsMax),
  })
  const breaker = circuitBreaker(
    handleWhen((error) => !(error instanceof Beside)),
    {
      breaker: new ConsecutiveBreaker(failuresMax),
      halfOpenAfter: telling(pauses, (ms) => (openUntilMs = Date.now() + ms)),
    },
  )
  breaker.onBreak((reason) => {
    if (sinceMs === 0) sinceMs = Date.now()
    const error = 'error' in reason ? reason.error : undefined
    log.warn(
      { reaction, breaker: 'open', failures: failuresMax, pauseMs: openUntilMs - Date.now(), err: error },
      `the breaker of ${reaction} is open: its calls wait, since the latest ones all failed: ${messageOf(error)}`,
    )
  })
  breaker.onHalfOpen(() => log.info({ reaction, breaker: 'half-open' }, `${reaction} tries one call`))
  breaker.onReset(() => {
    log.info({ reaction, breaker: 'closed', openMs: Date.now() - sinceMs }, `${reaction} calls again`)
    sinceMs = 0
  })

  /** Makes the call, and keeps from the breaker what says nothing about the other side as it is now. */
  async function tried<Result>(call: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const wasClosed = breaker.state === CircuitState.Closed
    try {
      if (signal.aborted) throw calledOff(`perform ${reaction}`)
      return await call()
    } catch (error) {
      // Called off, or from before it opened: the latter would open it anew while a call is tried. A trial
      // that is called off has not succeeded, though.
      const isBeside = wasClosed && (signal.aborted || breaker.state !== CircuitState.Closed)
      throw isBeside ? new Beside(error) : error
    }
  }

  return {
    get state() {
      return stateOf(breaker.state)
    },
    async run(call, signal) {
      const because = () => calledOff(`perform ${reaction}`)
      for (;;) {
        if (signal.aborted) throw because()
        try {
          const made = breaker.execute(() => tried(call, signal))
          return await unlessAborted(made, signal, because)
        } catch (error) {
          if (error instanceof Beside) throw error.error
          if (!isBrokenCircuitError(error)) throw error
        }
        await pause(Math.max(0, openUntilMs - Date.now()) + Math.random() * wakeSpreadMs, signal)
      }
    },
  }
}

/** What a call failed with that does not count. */
class Beside {
  readonly error: unknown
  constructor(error: unknown) {
    this.error = error
  }
}

/** A backoff that tells each of its delays as it begins. */
function telling(factory: IBackoffFactory<unknown>, tell: (ms: number) => void): IBackoffFactory<unknown> {
  const told = (backoff: IBackoff<unknown>): IBackoff<unknown> => {
    tell(backoff.duration)
    return { duration: backoff.duration, next: (context) => told(backoff.next(context)) }
  }
  return { next: (context) => told(factory.next(context)) }
}

function stateOf(state: CircuitState): BreakerState {
  switch (state) {
    case CircuitState.Closed:
      return 'closed'
    case CircuitState.HalfOpen:
      return 'half-open'
    case CircuitState.Open:
    case CircuitState.Isolated:
      return 'open'
  }
}
