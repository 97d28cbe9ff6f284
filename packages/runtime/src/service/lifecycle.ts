// The states of a running service.
//
// | state    | start()                       | stop()                                    |
// |----------|-------------------------------|-------------------------------------------|
// | new      | starting                      | stopping                                  |
// | starting | (the same promise)            | stopping: the start is called off         |
// | joining  | (the same promise)            | stopping: the start is called off         |
// | running  | (the same promise)            | stopping                                  |
// | stopping | refused                       | (the same promise)                        |
// | stopped  | refused                       | (the same promise)                        |
//
// Invariants
// 1. `letGo` runs once, after the start has ended, whatever became of the start: a start that fails lets go by itself.
// 2. Nothing goes back to an earlier state.

import { TroupeError } from '@troupe/core'
import type { ServiceState } from './running-service.ts'

export interface LifecycleWork {
  readonly name: string
  /** Calls `joining` as soon as commands can be taken. Ends soon after `callOff`. */
  start(joining: () => void): Promise<void>
  /** Ends a start that is under way. */
  callOff(): void
  /** Closes whatever is open. Takes a bounded time. */
  letGo(was: ServiceState): Promise<void>
}

export interface Lifecycle {
  readonly state: ServiceState
  /** @throws TroupeError `TROUPE_STOPPED`; what `start` throws, once everything is let go of */
  start(): Promise<void>
  stop(): Promise<void>
}

export function createLifecycle({ name, start, callOff, letGo }: LifecycleWork): Lifecycle {
  let state: ServiceState = 'new'
  let started: Promise<void> | undefined
  let stopped: Promise<void> | undefined
  let released: Promise<void> | undefined

  function enter(next: ServiceState): void {
    if (stopped) throw new TroupeError('TROUPE_STOPPED', `${name} was stopped while it started.`)
    state = next
  }

  async function begin(): Promise<void> {
    state = 'starting'
    try {
      await start(() => enter('joining'))
      enter('running')
    } catch (error) {
      // Who called stop() waits for this start, and lets go afterwards.
      if (!stopped) await release().catch(() => {})
      throw error
    }
  }

  function release(): Promise<void> {
    released ??= (async (was) => {
      state = 'stopping'
      try {
        await letGo(was)
      } finally {
        state = 'stopped'
      }
    })(state)
    return released
  }

  async function end(): Promise<void> {
    if (state === 'starting' || state === 'joining') {
      callOff()
      await started?.catch(() => {})
    }
    await release()
  }

  return {
    get state() {
      return stopped && state !== 'stopped' ? 'stopping' : state
    },
    start() {
      if (stopped || released) {
        const refusal = new TroupeError(
          'TROUPE_STOPPED',
          `${name} was stopped. Create it anew to start it again.`,
        )
        return started && !stopped ? started : Promise.reject(refusal)
      }
      started ??= begin()
      return started
    },
    stop() {
      stopped ??= end()
      return stopped
    },
  }
}
