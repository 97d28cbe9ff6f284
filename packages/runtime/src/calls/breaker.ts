// The circuit breakers of a process: one for each reaction that calls the outside.
//
// | state     | a call                                  | it fails                              | it succeeds |
// |-----------|-----------------------------------------|---------------------------------------|-------------|
// | closed    | is made                                 | the last of `failuresMax` in a row: open | (same)   |
// | open      | is not made; a trial is, once the pause is over: half-open | -                  | -           |
// | half-open | is not made                             | open, with a longer pause             | closed      |
//
// Invariants
// 1. While a breaker is not closed, at most one call is under way that was not when it opened.
// 2. Nobody waits here: a call that is not to be made now is refused, and is nobody's failed attempt.
// 3. How long a pause lasts is measured by a clock that nobody sets. cockatiel's does not count: it takes each
//    pause for over at once, and is asked only after it.

import { type BoundReaction, type BreakerPolicy, type Log, messageOf, type Service } from '@troupe/core'
import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleWhen,
  type IBackoff,
  type IBackoffFactory,
} from 'cockatiel'
import { calledOff, unlessAborted } from '../abort.ts'

export type BreakerState = 'closed' | 'half-open' | 'open'

/** What {@link Breaker.run} throws for a call that was not made. */
export const notMade = new Error('The calls of this reaction are paused.')

export interface Breaker {
  readonly state: BreakerState
  /** What the call that opened it failed with, or the latest trial since. */
  readonly because: unknown
  /**
   * Whether a call has succeeded since this process began. As long as none has, one that fails says nothing about
   * its event: a process that comes while the other side is away must not count what others have counted.
   */
  readonly isProven: boolean
  /**
   * Makes the call, if it may be made now.
   *
   * @param isTrial it may also be made to find out whether the other side is back
   * @throws what the call throws; {@link notMade}; TroupeError `TROUPE_STOPPED` once `signal` aborts
   */
  run<Result>(call: () => Promise<Result>, signal: AbortSignal, isTrial: boolean): Promise<Result>
}

/** Which calls of a reaction may be made now: all, one to find out, or none. */
export type CallsAllowed = 'all' | 'one' | 'none'

export interface Breakers {
  of(bound: BoundReaction): Breaker
  /** By reaction; of those that have one. */
  states(): Readonly<Record<string, BreakerState>>
  /** The same, as what it means for those who want to call. */
  allowed(): ReadonlyMap<string, CallsAllowed>
}

export const breakerDefaults: BreakerPolicy = { failuresMax: 5, pauseMs: 1_000, pauseMsMax: 10_000 }

/** @param defaults for what a reaction does not declare */
export function createBreakers(
  { reactions }: Pick<Service, 'reactions'>,
  { defaults, log }: { readonly defaults: BreakerPolicy; readonly log: Log },
): Breakers {
  const breakers = new Map<string, Breaker & { readonly allows: CallsAllowed }>()
  for (const { name, reaction } of reactions.values()) {
    if (!reaction.perform || reaction.breaker === false || breakers.has(name)) continue
    breakers.set(name, createBreaker(name, { ...defaults, ...reaction.breaker }, log))
  }
  return {
    of: ({ name }) => breakers.get(name) ?? none,
    states: () => Object.fromEntries([...breakers].map(([name, { state }]) => [name, state])),
    allowed: () => new Map([...breakers].map(([name, { allows }]) => [name, allows])),
  }
}

const none: Breaker = { state: 'closed', because: undefined, isProven: true, run: (call) => call() }

function createBreaker(
  reaction: string,
  { failuresMax, pauseMs, pauseMsMax }: BreakerPolicy,
  log: Log,
): Breaker & { readonly allows: CallsAllowed } {
  let openUntilMs = 0
  let sinceMs = 0
  let because: unknown
  let isProven = false
  const pauses = new ExponentialBackoff<unknown>({
    initialDelay: pauseMs,
    maxDelay: Math.max(pauseMs, pauseMsMax),
  })
  const breaker = circuitBreaker(
    handleWhen((error) => !(error instanceof Beside)),
    {
      breaker: new ConsecutiveBreaker(failuresMax),
      halfOpenAfter: telling(pauses, (ms) => (openUntilMs = performance.now() + ms)),
    },
  )
  breaker.onBreak((reason) => {
    if (sinceMs === 0) sinceMs = performance.now()
    because = 'error' in reason ? reason.error : undefined
    log.warn(
      {
        reaction,
        breaker: 'open',
        failures: failuresMax,
        pauseMs: Math.round(openUntilMs - performance.now()),
        err: because,
      },
      `the breaker of ${reaction} is open: its calls are paused, since the latest ones all failed: ${messageOf(because)}`,
    )
  })
  breaker.onHalfOpen(() => log.info({ reaction, breaker: 'half-open' }, `${reaction} tries one call`))
  breaker.onReset(() => {
    log.info(
      { reaction, breaker: 'closed', openMs: Math.round(performance.now() - sinceMs) },
      `${reaction} calls again`,
    )
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

  function allowed(): CallsAllowed {
    if (breaker.state === CircuitState.Closed) return 'all'
    return breaker.state === CircuitState.Open && performance.now() >= openUntilMs ? 'one' : 'none'
  }

  return {
    get state() {
      return stateOf(breaker.state)
    },
    get because() {
      return because
    },
    get isProven() {
      return isProven
    },
    get allows() {
      return allowed()
    },
    async run(call, signal, isTrial) {
      const gaveUp = () => calledOff(`perform ${reaction}`)
      if (signal.aborted) throw gaveUp()
      const now = allowed()
      if (now === 'none' || (now === 'one' && !isTrial)) throw notMade
      try {
        const made = breaker.execute(() => tried(call, signal))
        const result = await unlessAborted(made, signal, gaveUp)
        isProven = true
        return result
      } catch (error) {
        throw error instanceof Beside ? error.error : error
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

/** A backoff that tells each of its delays as it begins, and itself has none. */
function telling(factory: IBackoffFactory<unknown>, tell: (ms: number) => void): IBackoffFactory<unknown> {
  const told = (backoff: IBackoff<unknown>): IBackoff<unknown> => {
    tell(backoff.duration)
    return { duration: Number.NEGATIVE_INFINITY, next: (context) => told(backoff.next(context)) }
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
