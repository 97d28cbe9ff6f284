import type { Log } from '@troupe/core'
import { messageOf } from '@troupe/core'
import type { Dependencies, DependencyName } from './dependencies.ts'

/** Asks a service's dependencies now and then whether they answer. */
export interface Pulse {
  start(): void
  stop(): void
}

export interface PulseOptions {
  readonly dependencies: Dependencies
  /** Each resolves if its dependency answers, and rejects in bounded time if it does not. */
  readonly probes: Readonly<Record<DependencyName, () => Promise<void>>>
  readonly everyMs: number
  readonly log: Log
}

/** One question per dependency is under way at a time. */
export function createPulse({ dependencies, probes, everyMs, log }: PulseOptions): Pulse {
  const asking = new Set<DependencyName>()
  let timer: NodeJS.Timeout | undefined
  let isStopped = false

  async function ask(name: DependencyName): Promise<void> {
    if (asking.has(name)) return
    asking.add(name)
    try {
      await probes[name]()
      if (!isStopped) dependencies.report(name, undefined)
    } catch (error) {
      if (isStopped) return
      log.debug({ dependency: name, err: error }, `${name} did not answer: ${messageOf(error)}`)
      dependencies.report(name, error ?? new Error('no answer'))
    } finally {
      asking.delete(name)
    }
  }

  function askAll(): void {
    for (const name of ['database', 'kafka', 'registry'] as const) void ask(name)
  }

  return {
    start() {
      if (timer || isStopped) return
      timer = setInterval(askAll, everyMs).unref()
      askAll()
    },
    stop() {
      isStopped = true
      clearInterval(timer)
    },
  }
}
