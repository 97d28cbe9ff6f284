import { createRequire } from 'node:module'
import { type Log, messageOf } from '@troupe/core'

/**
 * Mends a fault of kafkajs 2.2.4: each fulfilled request starts a timer of 0 or 1 ms that looks whether
 * requests are pending, finds none, and starts itself again, for as long as the connection lives: several
 * per cent of a core for one idle producer. With nothing pending there is nothing to look for, and whatever
 * is enqueued later starts a timer of its own.
 */

interface RequestQueuePrototype {
  scheduleCheckPendingRequests(this: { readonly pending: readonly unknown[] }): void
}

const mended = Symbol.for('troupe.kafkajs.timer-loop-mended')
const path = 'kafkajs/src/network/requestQueue/index.js'
let outcome: boolean | undefined

/** Mends kafkajs once per process; true if it is mended. Leaves alone what does not look as it should. */
export function mendTimerLoop(log: Log): boolean {
  outcome ??= tryToMend(log)
  return outcome
}

function tryToMend(log: Log): boolean {
  try {
    const RequestQueue: unknown = createRequire(import.meta.url)(path)
    return mendPrototype((RequestQueue as { readonly prototype?: unknown }).prototype, log)
  } catch (error) {
    return leaveAlone(log, messageOf(error))
  }
}

/** Replaces the method of this prototype if it is the faulty one. For tests. */
export function mendPrototype(prototype: unknown, log: Log): boolean {
  if (typeof prototype !== 'object' || prototype === null) return leaveAlone(log, 'there is no request queue')
  if (mended in prototype) return true
  const faulty = (prototype as Partial<RequestQueuePrototype>).scheduleCheckPendingRequests
  if (typeof faulty !== 'function') return leaveAlone(log, 'the request queue has no such timer')
  const source = String(faulty)
  const isAsExpected =
    source.includes('this.pending.length') &&
    source.includes('this.throttleCheckTimeoutId = setTimeout') &&
    !source.includes('return')
  if (!isAsExpected) return leaveAlone(log, 'the timer of the request queue is another one')
  ;(prototype as RequestQueuePrototype).scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) faulty.call(this)
  }
  Object.defineProperty(prototype, mended, { value: true })
  return true
}

function leaveAlone(log: Log, reason: string): false {
  log.debug({ reason }, 'kafkajs does not look as expected, so its idle timer is left as it is')
  return false
}
