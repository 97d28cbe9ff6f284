// What waits for Kafka is kept in memory and in the outbox; both are bounded. At the first limit no more
// events are handled, at the second, higher one no more commands: who asks can ask again, so that a command
// is refused later than an event waits. Partitions pause, they are never left.

import type { Log } from '@troupe/core'
import type { RelayState } from '@troupe/kafka'

export interface OutboxLimits {
  readonly eventsMax: number
  readonly eventsBytesMax: number
  readonly commandsMax: number
  readonly commandsBytesMax: number
}

/** What is held back while too much waits for Kafka. */
export interface BackPressure {
  readonly holdsBack: 'nothing' | 'events' | 'events and commands'
  /** In milliseconds since the epoch; undefined while nothing is held back. */
  readonly sinceMs: number | undefined
  readonly unpublished: number
  readonly unpublishedBytes: number
}

/** What these numbers hold back. */
export function heldBackAt(
  { queued, queuedBytes }: Pick<RelayState, 'queued' | 'queuedBytes'>,
  limits: OutboxLimits,
): BackPressure['holdsBack'] {
  if (queued >= limits.commandsMax || queuedBytes >= limits.commandsBytesMax) return 'events and commands'
  if (queued >= limits.eventsMax || queuedBytes >= limits.eventsBytesMax) return 'events'
  return 'nothing'
}

export interface BackPressureWatch {
  state(): BackPressure
  start(): void
  stop(): void
}

export interface BackPressureOptions {
  readonly relay: { readonly state: RelayState }
  readonly limits: OutboxLimits
  readonly log: Log
  readonly now: () => number
  readonly everyMs: number
}

/** Looks now and then, and says in the log when back-pressure begins, grows and ends. */
export function watchBackPressure({
  relay,
  limits,
  log,
  now,
  everyMs,
}: BackPressureOptions): BackPressureWatch {
  let holdsBack: BackPressure['holdsBack'] = 'nothing'
  let sinceMs: number | undefined
  let timer: NodeJS.Timeout | undefined

  function state(): BackPressure {
    const { queued: unpublished, queuedBytes: unpublishedBytes } = relay.state
    const held = heldBackAt(relay.state, limits)
    const facts = { unpublished, unpublishedBytes }
    if (held !== holdsBack) {
      if (held === 'nothing') {
        log.info(
          { ...facts, heldBackMs: now() - (sinceMs ?? now()) },
          'Kafka has taken enough of the outbox; nothing is held back any more',
        )
      } else {
        log.warn(facts, `${unpublished} events wait for Kafka; ${held} are held back until it takes them`)
      }
      sinceMs = held === 'nothing' ? undefined : (sinceMs ?? now())
      holdsBack = held
    }
    return { holdsBack, sinceMs, ...facts }
  }

  return {
    state,
    start() {
      timer ??= setInterval(state, everyMs).unref()
    },
    stop() {
      clearInterval(timer)
    },
  }
}
