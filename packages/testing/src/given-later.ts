import type { AnyEventType, EventDraft, When } from '@troupe/core'
import type { ExpectedEvent, Like } from './given-like.ts'

/** An event that is expected to be emitted later. Made by {@link later}. */
export interface Later {
  readonly form: 'later'
  readonly event: EventDraft | Like
  readonly when: When
  /** Undefined: that of the event's type. */
  readonly name: string | undefined
}

/** A deadline or scheduled event that is expected to be over before its time. Made by {@link lifted}. */
export interface Lifted {
  readonly form: 'lifted'
  readonly name: string
}

/** What a test may expect of one event or command: what is said at once, what later, and what no more. */
export type Expected = ExpectedEvent | Later | Lifted

/**
 * Expects a deadline to begin, or an event to be scheduled.
 *
 * @example .then(later(ReservationOverdue({ orderId: 'o1' }), { afterMs: 300_000 }))
 */
export function later(event: ExpectedEvent, when: When & { readonly name?: string }): Later {
  const { name, ...due } = when
  return { form: 'later', event, when: due, name }
}

/** Expects a deadline or a scheduled event, by type or name, to be lifted: one that was pending. */
export function lifted(what: AnyEventType | string): Lifted {
  return { form: 'lifted', name: typeof what === 'string' ? what : what.type }
}

/** Sorts what a test expects. */
export function sorted(expected: readonly Expected[]): {
  readonly now: readonly ExpectedEvent[]
  readonly later: readonly Later[]
  readonly lifted: readonly Lifted[]
} {
  const isLater = (one: Expected): one is Later => 'form' in one && one.form === 'later'
  const isLifted = (one: Expected): one is Lifted => 'form' in one && one.form === 'lifted'
  return {
    now: expected.filter((one): one is ExpectedEvent => !isLater(one) && !isLifted(one)),
    later: expected.filter(isLater),
    lifted: expected.filter(isLifted),
  }
}

/** The name under which a later event is pending. */
export function nameOfLater({ name, event }: Later): string {
  return name ?? event.type
}
