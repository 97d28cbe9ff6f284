import type { Log } from '@troupe/core'
import { nothing, settle, type SettleOptions } from './settle.ts'

export interface ForgetOptions extends SettleOptions {
  readonly log: Log
}

/** Deletes from the outbox what Kafka has acknowledged, where no next write does it. False if it could not. */
export async function forgetPublished(options: ForgetOptions, timeoutMs: number): Promise<boolean> {
  try {
    await settle(nothing, { ...options, signal: AbortSignal.timeout(timeoutMs) })
    return true
  } catch (error) {
    // They are published again after the next start, under the same ids.
    options.log.debug({ err: error }, 'published events stay in the outbox for now')
    return false
  }
}

/** The same, for the sweeper: true when nothing published is left in the outbox. */
export async function sweepOutbox(options: ForgetOptions, timeoutMs: number): Promise<boolean> {
  // Asked before: what Kafka acknowledges while the delete is under way is not part of it.
  const isAll = options.relay.state.queued === 0
  return (await forgetPublished(options, timeoutMs)) && isAll
}
