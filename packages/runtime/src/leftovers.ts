// What other processes left in the outbox when they died.
//
// A partition's lane is drained by whoever claims the partition. The lane of commands has no owner: it is
// drained by whoever starts or claims, and looked at now and then, because an instance that dies with no
// partition of its own brings about no claim.

import { commandLane, type Log, messageOf } from '@troupe/core'
import { calledOff, isDoneBefore } from './abort.ts'
import type { SettleOptions } from './settle.ts'

export interface LeftoversOptions extends SettleOptions {
  readonly log: Log
}

/**
 * Publishes what a lane's outbox holds beyond what this process is publishing already, and resolves when
 * Kafka has it.
 *
 * @throws TroupeError `TROUPE_STOPPED` once `signal` aborts
 */
export async function publishLeftovers(lane: string, options: LeftoversOptions): Promise<void> {
  const { ledger, relay, dependencies, log, sweeper, signal } = options
  const rows = await dependencies.insist(
    'database',
    'read the outbox',
    () => ledger.unpublished(lane),
    signal,
  )
  const leftovers = rows.filter(({ id }) => !relay.holds(id))
  if (leftovers.length === 0) return
  log.info({ lane, events: leftovers.length }, 'publishing what an earlier process left in the outbox')
  relay.push(leftovers)
  sweeper.touch()
  if (!(await isDoneBefore(signal, relay.drained()))) throw calledOff('publish what was left in the outbox')
}

/** Looks after events of commands whose instance died. */
export interface Lookout {
  start(): void
  stop(): void
}

/**
 * Publishes what two looks in a row found in the lane of commands: what is seen once only is under way in
 * another instance.
 */
export function createLookout(options: LeftoversOptions, everyMs: number): Lookout {
  const { ledger, relay, sweeper, log, signal } = options
  let timer: NodeJS.Timeout | undefined
  let seenBefore: ReadonlySet<string> = new Set()

  async function look(): Promise<void> {
    // Nothing could be published now, and there may be much to read.
    if (relay.state.problems.length > 0) return
    try {
      const rows = (await ledger.unpublished(commandLane)).filter(({ id }) => !relay.holds(id))
      const left = rows.filter(({ id }) => seenBefore.has(id))
      seenBefore = new Set(rows.map(({ id }) => id))
      if (left.length === 0 || signal.aborted) return
      log.info(
        { lane: commandLane, events: left.length },
        'publishing what another process left in the outbox',
      )
      relay.push(left)
      sweeper.touch()
    } catch (error) {
      log.debug({ err: error }, `could not look for events that were left behind: ${messageOf(error)}`)
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
