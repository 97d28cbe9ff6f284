// Calls to the outside, before a reaction decides.
//
// Invariants
// 1. A delivery's call is made until it succeeds or has been tried often enough, and then never again by
//    this process: a batch that is decided anew, because others changed what it had read, gets the outcome
//    of the first time. What came of it is kept in the ledger until it is settled: the next process does not
//    make it again either.
// 2. No attempt lasts longer than `performTimeoutMs`, whether the call heeds its signal or not.
// 3. Every attempt of every process carries the same idempotency key, and so do all events that call for one undo.
// 4. Nobody waits for a call who waits for a document: it is made while its batch holds none, and while no
//    connection to the database is taken.
// 5. A call that its reaction's breaker does not let through has not been tried, and one that fails while the
//    breaker is not closed says nothing about its event: neither counts as an attempt, and both events wait. So
//    does one that is tried again by a process none of whose calls has succeeded yet.

import {
  causeIdOf,
  type Deciding,
  type Delivery,
  flawOfJson,
  freeze,
  type Json,
  type Log,
  messageOf,
  pause,
  type PerformContext,
  sayable,
  stepOf,
  TroupeError,
  type WorkingSet,
} from '@troupe/core'
import { calledOff, limited, unlessAborted } from '../abort.ts'
import type { Blocking } from '../observe/blocking.ts'
import { type Breakers, notMade } from './breaker.ts'
import { delaysOf } from '../delays.ts'
import type { KeptResults } from './kept-results.ts'
import { mustWait } from '../batch/settle.ts'
import { traceIdOf } from '../observe/tracing-context.ts'
import type { WorkSpan } from '../observe/tracing.ts'

export interface PerformOptions {
  readonly deciding: Pick<Deciding, 'service' | 'deriveId'>
  readonly log: Log
  readonly blocking: Blocking
  readonly breakers: Breakers
  readonly keptResults: KeptResults
  /** How often a call to the outside is tried before its event is parked. */
  readonly performAttemptsMax: number
  /** How long one attempt may take. */
  readonly performTimeoutMs: number
  /** Of the deliveries that were performed before: the batch may be decided again. */
  readonly outcomes: Outcomes
  readonly signal: AbortSignal
  /** False while others wait for what this batch holds. */
  readonly mayWait: boolean
  /** Whether its calls may find out if the other side is back: a trial that hangs would hold up its batch. */
  readonly makesTrials: boolean
}

/** What a call needs to know besides its event. */
export interface PerformFor {
  /** For an undo: the decoded event by which its step said that it was done. */
  readonly done: object | undefined
  readonly span: WorkSpan | undefined
  /** What the ledger knows of earlier calls. */
  readonly set: Pick<WorkingSet, 'performed'>
  /** Reads a document for the call. */
  readonly get: PerformContext['get']
}

/**
 * What came of a call. One that is paused has not been made, or tells nothing: the latest ones all failed with `error`.
 * `isCalled`: it was begun, so that the other side may have heard it, whatever it failed with: a call may be several.
 */
export type Outcome =
  | { readonly form: 'done'; readonly performed: unknown }
  | { readonly form: 'failed'; readonly error: unknown; readonly isCalled: true }
  | { readonly form: 'paused'; readonly error: unknown; readonly isCalled: boolean }

/** What came of the calls of the deliveries in hand. */
export type Outcomes = WeakMap<Delivery, Outcome>

const delays = { firstMs: 50, maxMs: 2_000 }

/**
 * Makes a delivery's call to the outside, if its reaction has one.
 *
 * @throws TroupeError `TROUPE_STOPPED` once `signal` aborts; {@link mustWait} where it may not and would have to
 */
export async function performFor(
  delivery: Delivery,
  { done, span, set, get }: PerformFor,
  options: PerformOptions,
): Promise<Outcome> {
  const { name, reaction } = delivery.bound
  const { perform } = reaction
  if (!perform) return { form: 'done', performed: undefined }
  const { deciding, outcomes, performAttemptsMax, signal } = options
  const known = outcomes.get(delivery)
  if (known) return known
  const idempotencyKey = performKeyOf(delivery, deciding)
  const kept = set.performed(idempotencyKey)
  if (kept) return remember(delivery, { form: 'done', performed: freeze(kept.result) }, options)
  if (!options.mayWait) throw mustWait
  const breaker = options.breakers.of(delivery.bound)
  const waits = delaysOf(delays)
  let isCalled = false
  for (let tries = 1, attempts = 0; ; tries++) {
    let outcome: Outcome | undefined
    try {
      const attempt = () => {
        isCalled = true
        return once(
          (inTime) =>
            perform(delivery.event as never, { idempotencyKey, signal: inTime, done, get } as never),
          delivery,
          options,
        )
      }
      const performed = await breaker.run(
        () => (span ? span.perform(name, tries, attempt) : attempt()),
        signal,
        options.makesTrials,
      )
      outcome = fit(delivery, performed)
    } catch (thrown) {
      const error = sayable(thrown)
      if (signal.aborted) throw calledOff(`perform ${delivery.bound.name}`, error)
      if (thrown === notMade)
        return remember(delivery, { form: 'paused', error: breaker.because, isCalled }, options)
      if (breaker.state === 'closed') attempts++
      complain(delivery, error, { ...options, attempts, isPaused: breaker.state !== 'closed', span })
      const isItsOwn = breaker.isProven || !options.makesTrials
      if (attempts >= performAttemptsMax)
        outcome = { form: isItsOwn ? 'failed' : 'paused', error, isCalled: true }
    }
    if (outcome) {
      if (outcome.form === 'done')
        options.keptResults.came({ idempotencyKey, result: outcome.performed as Json | undefined })
      return remember(delivery, outcome, options)
    }
    // Where its calls are paused by now, the breaker says so.
    if (breaker.state === 'closed') await pause(waits.nextMs(), signal)
    if (signal.aborted) throw calledOff(`perform ${delivery.bound.name}`)
  }
}

/**
 * The key of a delivery's call: the same in every process, and for every attempt. Several events may call for one
 * undo, at one time in several partitions; a step is undone once, so that they share a key.
 */
function performKeyOf(
  delivery: Delivery,
  { deriveId, service }: Pick<Deciding, 'service' | 'deriveId'>,
): string {
  const step = delivery.bound.reaction.form === 'undo' ? stepOf(delivery) : undefined
  const cause = step ? `undo:${step.step}:${step.saga}` : causeIdOf(delivery.event)
  return deriveId(service, cause, 'perform')
}

/** The keys of those that call the outside. */
export function performKeysOf(
  deliveries: readonly Delivery[],
  deciding: Pick<Deciding, 'service' | 'deriveId'>,
): readonly string[] {
  return deliveries.flatMap((one) => (one.bound.reaction.perform ? [performKeyOf(one, deciding)] : []))
}

/** Of those that call the outside, the keys of those whose events are not settled by what is in the set. */
export function keysStillDue(
  deliveries: readonly Delivery[],
  set: Pick<WorkingSet, 'hasSeen'>,
  deciding: Pick<Deciding, 'service' | 'deriveId'>,
): readonly string[] {
  return performKeysOf(
    deliveries.filter(({ event }) => !set.hasSeen(event)),
    deciding,
  )
}

function remember(delivery: Delivery, outcome: Outcome, { outcomes }: PerformOptions): Outcome {
  outcomes.set(delivery, outcome)
  return outcome
}

/** What can be kept, kept; what cannot would be another thing after a crash, so that its event is to blame at once. */
function fit({ bound, event }: Delivery, performed: unknown): Outcome {
  const flaw = performed === undefined ? undefined : flawOf(performed)
  if (flaw === undefined) return { form: 'done', performed: freeze(performed) }
  const error = new TroupeError(
    'TROUPE_PERFORMED_INVALID',
    `${bound.name} performed what cannot be kept as JSON: ${flaw}. Resolve to plain data, or to nothing. The call itself was made.`,
    { details: { reaction: bound.name, event: event.id } },
  )
  return { form: 'failed', error, isCalled: true }
}

/** A getter in it may throw, or a proxy: that is its flaw. */
function flawOf(performed: unknown): string | undefined {
  try {
    return flawOfJson(performed)
  } catch (error) {
    return messageOf(error)
  }
}

async function once(
  call: (signal: AbortSignal) => unknown,
  { bound }: Delivery,
  { performTimeoutMs, signal, blocking }: PerformOptions,
): Promise<unknown> {
  const { signal: inTime, unlink } = limited(signal, performTimeoutMs)
  try {
    return await unlessAborted(
      Promise.resolve(blocking.watch(bound.name, () => call(inTime))),
      inTime,
      () =>
        new TroupeError(
          'TROUPE_REACTION_FAILED',
          `${bound.name} did not perform within ${performTimeoutMs} ms. Make its call heed the signal, or give it more time with TROUPE_PERFORM_TIMEOUT_MS.`,
        ),
    )
  } finally {
    unlink()
  }
}

function complain(
  { bound, event }: Delivery,
  error: unknown,
  {
    log,
    performAttemptsMax,
    attempts,
    isPaused,
    span,
  }: PerformOptions & {
    readonly attempts: number
    readonly isPaused: boolean
    readonly span: WorkSpan | undefined
  },
): void {
  const trace_id = span?.traceId ?? traceIdOf(event)
  const facts = { reaction: bound.name, event: event.id, saga: event.correlationId, attempts, err: error }
  log.warn(
    trace_id === undefined ? facts : { ...facts, trace_id },
    `${bound.name} could not perform, ${isPaused ? 'while its calls are paused' : `attempt ${attempts} of ${performAttemptsMax}`}: ${messageOf(error)}`,
  )
}
