// What other processes left in the outbox when they died.
//
// A partition's lane is drained by whoever claims the partition, that of commands by whoever starts or
// claims. Everything else, and what comes after, is found by its age: events of commands whose instance
// dies when nobody claims, lanes of topics that are heard no more, of partitions that are gone.

import { type Log, messageOf, type OutboxPage } from '@troupe/core'
import { calledOff, isDoneBefore } from '../abort.ts'
import { publishThrough, type SettleOptions } from './settle.ts'

export interface LeftoversOptions extends SettleOptions {
  readonly log: Log
}

/**
 * Publishes what a lane's outbox holds beyond what this process is publishing already, and whatever has
 * to go before that; resolves when Kafka has it. Holds a page of it in memory beside what the relay takes.
 *
 * @throws TroupeError `TROUPE_STOPPED` once `signal` aborts
 */
export async function publishLeftovers(lane: string, options: LeftoversOptions): Promise<void> {
  const { ledger, relay, dependencies, log, signal } = options
  let taken = 0
  for (let after: bigint | undefined = 0n; after !== undefined; ) {
    const from: bigint = after
    const page: OutboxPage<string> = await dependencies.insist(
      'database',
      'read the outbox',
      () => ledger.unpublished({ lane }, from),
      signal,
    )
    const found = await publishThrough(page.found, options)
    if (taken === 0 && found > 0)
      log.info({ lane, events: found }, 'publishing what an earlier process left in the outbox')
    taken += found
    after = page.next
    if (!(await isDoneBefore(signal, relay.room()))) throw stopped()
  }
  if (taken > 0 && !(await isDoneBefore(signal, relay.drained()))) throw stopped()
}

function stopped() {
  return calledOff('publish what was left in the outbox')
}

/** Looks after events that nobody publishes. */
export interface Lookout {
  start(): void
  stop(): void
}

/**
 * Publishes what has been in the outbox for longer than `staleAfterMs`, by the database's clock, whoever
 * wrote it: a process that is alive and reaches Kafka has published its own long before.
 */
export function createLookout(
  options: LeftoversOptions,
  { everyMs, staleAfterMs }: { readonly everyMs: number; readonly staleAfterMs: number },
): Lookout {
  const { ledger, relay, log, signal } = options
  let timer: NodeJS.Timeout | undefined
  let isLooking = false

  async function look(): Promise<void> {
    // What is in hand here is old as well while Kafka is away; nothing could be published now anyway.
    if (isLooking || relay.state.problems.length > 0) return
    isLooking = true
    try {
      for (let after: bigint | undefined = 0n; after !== undefined; ) {
        const page: OutboxPage<string> = await ledger.unpublished({ olderThanMs: staleAfterMs }, after)
        const taken = signal.aborted ? 0 : await publishThrough(page.found, options)
        if (taken > 0) log.info({ events: taken }, 'publishing what another process left in the outbox')
        after = page.next
        if (!(await isDoneBefore(signal, relay.room()))) return
      }
    } catch (error) {
      log.debug({ err: error }, `could not look for events that were left behind: ${messageOf(error)}`)
    } finally {
      isLooking = false
    }
  }

  return {
    start() {
      timer ??= setInterval(() => void look(), everyMs).unref()
    },
    stop() {
      clearInterval(timer)
    },
  }
}
