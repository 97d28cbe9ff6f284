// Calls to the outside, before a reaction decides.
//
// Invariants
// 1. A delivery's call is made until it succeeds or has been tried often enough, and then never again by
//    this process: a batch that is decided anew, because others changed what it had read, gets the outcome
//    of the first time.
// 2. No attempt lasts longer than `performTimeoutMs`, whether the call heeds its signal or not.
// 3. Every attempt of every process carries the same idempotency key.
// 4. Nobody waits for a call who waits for a document: it is made while its batch holds none, and while no
//    connection to the database is taken.

import { causeIdOf, type Deciding, type Delivery, type Log, messageOf, TroupeError } from '@troupe/core'
import { calledOff, linked, pause, unlessAborted } from './abort.ts'
import type { Blocking } from './blocking.ts'
import { delaysOf } from './delays.ts'
import { mustWait } from './settle.ts'
import { traceIdOf } from './tracing-context.ts'
import type { WorkSpan } from './tracing.ts'

export interface PerformOptions {
  readonly deciding: Pick<Deciding, 'service' | 'deriveId'>
  readonly log: Log
  readonly blocking: Blocking
  /** How often a call to the outside is tried before its event is dead-lettered. */
  readonly performAttemptsMax: number
  /** How long one attempt may take. */
  readonly performTimeoutMs: number
  /** Of the deliveries that were performed before: the batch may be decided again. */
  readonly outcomes: Outcomes
  readonly signal: AbortSignal
  /** False while others wait for what this batch holds. */
  readonly mayWait: boolean
}

/** What a call needs to know besides its event. */
export interface PerformFor {
  /** For an undo: the decoded event by which its step said that it was done. */
  readonly done: object | undefined
  readonly span: WorkSpan | undefined
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
 * @throws TroupeError `TROUPE_STOPPED` once `signal` aborts; {@link mustWait} where it may not and would have to
 */
export async function performFor(
  delivery: Delivery,
  { done, span }: PerformFor,
  options: PerformOptions,
): Promise<Outcome> {
  const { name, reaction } = delivery.bound
  const { perform } = reaction
  if (!perform) return { isDone: true, performed: undefined }
  const { deciding, outcomes, performAttemptsMax, signal } = options
  const known = outcomes.get(delivery)
  if (known) return known
  if (!options.mayWait) throw mustWait
  const idempotencyKey = deciding.deriveId(deciding.service, causeIdOf(delivery.event), 'perform')
  const waits = delaysOf(delays)
  for (let attempts = 1; ; attempts++) {
    let outcome: Outcome | undefined
    try {
      const attempt = () =>
        once(
          (inTime) => perform(delivery.event as never, { idempotencyKey, signal: inTime, done } as never),
          delivery,
          options,
        )
      const performed = await (span ? span.perform(name, attempts, attempt) : attempt())
      outcome = { isDone: true, performed }
    } catch (error) {
      if (signal.aborted) throw calledOff(`perform ${delivery.bound.name}`, error)
      complain(delivery, error, { ...options, attempt: attempts, span })
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
  {
    log,
    performAttemptsMax,
    attempt,
    span,
  }: PerformOptions & { readonly attempt: number; readonly span: WorkSpan | undefined },
): void {
  const trace_id = span?.traceId ?? traceIdOf(event)
  const facts = { reaction: bound.name, event: event.id, saga: event.correlationId, attempt, err: error }
  log.warn(
    trace_id === undefined ? facts : { ...facts, trace_id },
    `${bound.name} could not perform, attempt ${attempt} of ${performAttemptsMax}: ${messageOf(error)}`,
  )
}
