// One thing that can be killed, stopped, frozen and started again: a broker, a registry, a database, an
// instance of a service.
//
// | state    | start()  | says that it runs | stop(), kill()  | ends by itself                            |
// |----------|----------|-------------------|-----------------|-------------------------------------------|
// | down     | starting | -                 | -               | -                                         |
// | starting | joins it | up                | down            | starting: once more, up to `attemptsMax`  |
// | up       | -        | -                 | down            | down; `onEnd` is told                     |
//
// Invariants
// 1. There is at most one process at any time.
// 2. A frozen process is thawed before it is asked to stop, and never left frozen.

import { pause } from '../world/pause.ts'
import { type Child, type ChildExit, type ChildOptions, startChild } from './child.ts'

export interface PartOptions {
  readonly name: string
  /** Asked at every start. */
  readonly child: () => ChildOptions
  /** How often a start is tried whose process ends before it runs. Default 5. */
  readonly attemptsMax?: number
  /** Told what it said of itself, whenever it runs. */
  readonly onRunning?: (told: Readonly<Record<string, unknown>>) => void
  /** It was up, and ended although nobody asked it to. */
  readonly onEnd?: (exit: ChildExit) => void
}

export interface Part {
  readonly name: string
  readonly state: 'down' | 'starting' | 'up'
  readonly pid: number | undefined
  /** How often it was started. */
  readonly starts: number
  /** Resolves when it runs. @throws Error with its last lines */
  start(): Promise<void>
  /** SIGTERM, and SIGKILL if it takes longer than `graceMs`. Resolves when it is gone. */
  stop(graceMs?: number): Promise<ChildExit | undefined>
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>
  /** SIGSTOP. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
  /** Resolves when the process that there is now has ended, however that comes about. */
  gone(): Promise<ChildExit | undefined>
}

const stopGraceMs = 15_000
const retryDelayMs = 200

export function createPart(options: PartOptions): Part {
  const { name, attemptsMax = 5, onRunning, onEnd } = options
  let state: Part['state'] = 'down'
  let child: Child | undefined
  let starting: Promise<void> | undefined
  let starts = 0

  function spawn(): Child {
    const one = startChild(options.child())
    child = one
    starts += 1
    void one.ended.then((exit) => {
      if (child !== one) return
      const wasUp = state === 'up'
      child = undefined
      if (!wasUp) return
      state = 'down'
      onEnd?.(exit)
    })
    return one
  }

  async function begin(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const one = spawn()
      try {
        const told = await one.running
        // Stopped in the meantime, or even started anew.
        if (child !== one) return
        state = 'up'
        onRunning?.(told)
        return
      } catch (error) {
        if (state !== 'starting') return
        if (attempt === attemptsMax) {
          state = 'down'
          throw new Error(`${name} could not be started: ${(error as Error).message}`, { cause: error })
        }
        await pause(retryDelayMs * attempt)
      }
      if (state !== 'starting') return
    }
  }

  /** From here on its end is no surprise. */
  function letGo(): Child | undefined {
    const one = child
    child = undefined
    state = 'down'
    return one
  }

  return {
    name,
    get state() {
      return state
    },
    get pid() {
      return child?.pid
    },
    get starts() {
      return starts
    },
    async start() {
      if (state === 'up') return
      if (state === 'down') {
        state = 'starting'
        starting = begin()
      }
      await starting
    },
    async stop(graceMs = stopGraceMs) {
      const one = letGo()
      if (!one) return undefined
      one.signal('SIGCONT')
      one.signal('SIGTERM')
      const kill = setTimeout(() => one.signal('SIGKILL'), graceMs)
      const exit = await one.ended
      clearTimeout(kill)
      return exit
    },
    async kill() {
      const one = letGo()
      one?.signal('SIGKILL')
      await one?.ended
    },
    freeze: () => void child?.signal('SIGSTOP'),
    thaw: () => void child?.signal('SIGCONT'),
    gone: async () => child?.ended,
  }
}
