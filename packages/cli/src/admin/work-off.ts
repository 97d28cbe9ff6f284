import { pause } from '@troupe/core'
import { progressBar } from '../terminal/progress-bar.ts'
import { Interruption, stopSignals } from '../terminal/stop-signals.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** One request names at most so many. */
const batchMax = 500

export interface WorkOffOptions<Name> {
  /** Pages of what is to be done. */
  readonly pages: AsyncIterable<readonly Name[]> | Iterable<readonly Name[]>
  readonly total: number
  /** At most so many a second; undefined: as fast as it goes. */
  readonly rate: number | undefined
  /** What is worked off: `dead letters`. */
  readonly names: string
  /** Says what was done: `4 redriven`. */
  readonly did: (count: number) => string
  /** @returns how many were done, of whatever is counted */
  readonly act: (names: readonly Name[]) => Promise<number>
  readonly signal: AbortSignal
  readonly terminal: Terminal
  readonly clock?: Clock
}

/** What paces the portions. */
export interface Clock {
  nowMs(): number
  /** Comes back at once when the signal aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>
}

const clockOfMachine: Clock = { nowMs: () => performance.now(), pause }

export interface WorkedOff {
  /** How many names were sent. */
  readonly selected: number
  readonly done: number
}

/**
 * Does something to many, in portions: each is one transaction, so that whatever stops it in between, what
 * was done is done and what was not is untouched. Pages are asked for as they are needed.
 *
 * @throws the signal's reason, between two portions
 */
export async function workOff<Name>(options: WorkOffOptions<Name>): Promise<WorkedOff> {
  const { pages, total, rate, names, did, act, signal, terminal, clock = clockOfMachine } = options
  const bar = progressBar(total, names, terminal)
  const size = Math.max(1, Math.min(batchMax, rate ?? batchMax))
  const beganMs = clock.nowMs()
  let selected = 0
  let done = 0
  try {
    for await (const page of pages) {
      for (let start = 0; start < page.length; start += size) {
        if (rate !== undefined)
          await clock.pause(Math.max(0, beganMs + (selected / rate) * 1_000 - clock.nowMs()), signal)
        signal.throwIfAborted()
        const portion = page.slice(start, start + size)
        done += await act(portion)
        selected += portion.length
        bar.update(selected)
      }
    }
  } catch (error) {
    terminal.note(`${did(done)} before this.`)
    throw error
  } finally {
    bar.stop()
  }
  return { selected, done }
}

/** Runs work that a signal stops between two portions. @returns the exit code */
export async function untilStopped(
  terminal: Terminal,
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const { signal, dispose } = stopSignals((reason) =>
    terminal.note(`Asked to stop by ${reason}: no further portion is begun.`),
  )
  try {
    return await work(signal)
  } catch (error) {
    if (error instanceof Interruption) return error.exitCode
    throw error
  } finally {
    dispose()
  }
}
