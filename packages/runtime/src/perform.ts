// Calls to the outside, before a reaction decides.
//
// Invariants
// 1. A delivery's call is made until it succeeds or has been tried often enough, and then never again by
//    this process: a batch that is decided anew, because others changed what it had read, gets the outcome
//    of the first time.
// 2. No attempt lasts longer than `performTimeoutMs`, whether the call heeds its signal or not.
// 3. Every attempt of every process carries the same idempotency key.

import { causeIdOf, type Deciding, type Delivery, type Log, messageOf, TroupeError } from '@troupe/core'
import { calledOff, linked, pause, unlessAborted } from './abort.ts'
import type { Blocking } from './blocking.ts'
import { delaysOf } from './delays.ts'

export interface PerformOptions {
  readonly deciding: Pick<Deciding, 'service' | 'deriveId'>
  readonly log: Log
  readonly blocking: Blocking
  /** How often a call to the outside is tried before its event is dead-lettered. */
  readonly performAttemptsMax: number
  /** How long one attempt may take. */
  readonly performTimeoutMs: number
  readonly signal: AbortSignal
}

/** What came of a call: `attempts` is how often it was made. */
export type Outcome =
  | { readonly isDone: true; readonly performed: unknown }
  | { readonly isDone: false; readonly error: unknown; readonly attempts: number }

/** What came of the calls of the deliveries in hand. */
export type Outcomes = WeakMap<Delivery, Outcome>

const delays = { firstMs: 50, maxMs: 2_000 }

/**
 * Makes a delivery's call to the outside, if its reaction has one.
 *
 * @throws TroupeError `TROUPE_STOPPED` once `signal` aborts
 */
export async function performFor(
  delivery: Delivery,
  done: object | undefined,
  outcomes: Outcomes,
  options: PerformOptions,
): Promise<Outcome> {
  const { perform } = delivery.bound.reaction
  if (!perform) return { isDone: true, performed: undefined }
  const known = outcomes.get(delivery)
  if (known) return known
  const { deciding, performAttemptsMax, signal } = options
  const idempotencyKey = deciding.deriveId(deciding.service, causeIdOf(delivery.event), 'perform')
  const waits = delaysOf(delays)
  for (let attempts = 1; ; attempts++) {
    let outcome: Outcome | undefined
    try {
      const performed = await once(
        (inTime) => perform(delivery.event as never, { idempotencyKey, signal: inTime, done } as never),
        delivery,
        options,
      )
      outcome = { isDone: true, performed }
    } catch (error) {
      if (signal.aborted) throw calledOff(`perform ${delivery.bound.name}`, error)
      complain(delivery, error, attempts, options)
      if (attempts >= performAttemptsMax) outcome = { isDone: false, error, attempts }
    }
    if (outcome) {
      outcomes.set(delivery, outcome)
      return outcome
    }
    await pause(waits.nextMs(), signal)
    if (signal.aborted) throw calledOff(`perform ${delivery.bound.name}`)
  }
}

async function once(
  call: (signal: AbortSignal) => unknown,
  { bound }: Delivery,
  { performTimeoutMs, signal, blocking }: PerformOptions,
): Promise<unknown> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), performTimeoutMs)
  const { signal: either, unlink } = linked(signal, late.signal)
  try {
    return await unlessAborted(
      Promise.resolve(blocking.watch(bound.name, () => call(either))),
      either,
      () =>
        new TroupeError(
          'TROUPE_REACTION_FAILED',
          `${bound.name} did not perform within ${performTimeoutMs} ms. Make its call heed the signal, or give it more time with TROUPE_PERFORM_TIMEOUT_MS.`,
        ),
    )
  } finally {
    clearTimeout(timer)
    unlink()
  }
}

function complain(
  { bound, event }: Delivery,
  error: unknown,
  attempt: number,
  { log, performAttemptsMax }: PerformOptions,
): void {
  log.warn(
    { reaction: bound.name, event: event.id, saga: event.correlationId, attempt, err: error },
    `${bound.name} could not perform, attempt ${attempt} of ${performAttemptsMax}: ${messageOf(error)}`,
  )
}
