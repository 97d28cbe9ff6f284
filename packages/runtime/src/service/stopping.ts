import { type Ledger, type Log, messageOf, type Tables } from '@troupe/core'
import type { Receiver, Relay } from '@troupe/kafka'
import type { Decider } from '../batch/decider.ts'
import type { Firing } from '../loops/firing.ts'
import type { HttpServer } from '../http/http-server.ts'
import type { KeptResults } from '../calls/kept-results.ts'
import type { Sweeper } from './sweeper.ts'

/** What a stop closes. */
export interface Parts {
  readonly http: Pick<HttpServer, 'close'> | undefined
  readonly admin: Pick<HttpServer, 'close'> | undefined
  readonly decider: Pick<Decider, 'stop'>
  readonly receiver: Pick<Receiver, 'stop'> | undefined
  readonly firing: Pick<Firing, 'stop'>
  readonly relay: Pick<Relay, 'stop'>
  readonly sweeper: Pick<Sweeper, 'stop'>
  readonly keptResults: Pick<KeptResults, 'stop'>
  readonly ledger: Pick<Ledger, 'close'>
  readonly inTables?: { readonly tables: Pick<Tables, 'close'> } | undefined
}

export interface LetGoOptions {
  /** Aborted when what is under way has had its share of the time. */
  readonly callOff: AbortController
  /** Deletes what is published; left out where nothing can have been. */
  readonly forget: ((timeoutMs: number) => Promise<unknown>) | undefined
  readonly timeoutMs: number
  readonly log: Log
}

/** Of the whole time, what goes to work that is under way; the rest is for publishing it and for closing. */
const workShare = 0.6
const publishShare = 0.85
/** What a part may take beyond its share, to notice that its time is over. */
const noticeMs = 250

/**
 * Closes a service's parts against the stream, within `timeoutMs` and little more. A part that does not
 * end in time is left behind, with a warning; a part that fails does not keep the others from being closed.
 */
export async function letGoInOrder(
  { http, admin, decider, receiver, firing, relay, sweeper, keptResults, ledger, inTables }: Parts,
  { callOff, forget, timeoutMs, log }: LetGoOptions,
): Promise<void> {
  const beganMs = performance.now()
  const leftMs = (share: number) => Math.max(0, Math.ceil(timeoutMs * share - (performance.now() - beganMs)))
  const timer = setTimeout(() => callOff.abort(), timeoutMs * workShare)

  async function end(what: string, share: number, ended: Promise<unknown>): Promise<void> {
    let late: NodeJS.Timeout | undefined
    const lateness = new Promise<'late'>((resolve) => {
      late = setTimeout(() => resolve('late'), leftMs(share) + noticeMs)
    })
    try {
      const outcome = await Promise.race([ended, lateness])
      if (outcome === 'late') log.warn({ part: what }, `${what} did not end in time and is left behind`)
    } catch (error) {
      log.warn({ part: what, err: error }, `${what} did not end well: ${messageOf(error)}`)
    } finally {
      clearTimeout(late)
    }
  }

  const requestsAndCommands = async () => {
    // Requests under way may still ask for a decision.
    const graceMs = leftMs(workShare / 2)
    await Promise.all([http?.close({ graceMs }), admin?.close({ graceMs })])
    await decider.stop()
  }
  await Promise.all([
    end('taking commands', workShare, requestsAndCommands()),
    end('firing deadlines', workShare, firing.stop()),
    ...(receiver ? [end('receiving', workShare, receiver.stop({ graceMs: leftMs(workShare) }))] : []),
  ])
  await end('publishing', publishShare, relay.stop({ graceMs: leftMs(publishShare) }))
  sweeper.stop()
  await end('keeping results', 1, keptResults.stop())
  if (forget) await end('the outbox', 1, forget(leftMs(1) + noticeMs))
  clearTimeout(timer)
  callOff.abort()
  await Promise.all([
    end('the ledger', 1, ledger.close()),
    ...(inTables ? [end('the tables', 1, inTables.tables.close())] : []),
  ])
}
