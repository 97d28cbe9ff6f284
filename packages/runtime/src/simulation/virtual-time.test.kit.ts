// Time that passes only when nothing else is left to do.
//
// Invariants
// 1. While it is installed, nothing in this realm sees the wall clock, a real timer or a real random number.
// 2. One event after the other, by its time and then by its age; what it sets going runs to its end, all
//    promises included, before the next.
import type { Random } from './random.test.kit.ts'

export interface VirtualTime {
  /** Milliseconds since the simulation began. */
  readonly nowMs: number
  sleep(ms: number): Promise<void>
  /** Lets time pass until it is so, or until nothing happens any more, or until the limit. */
  runUntil(isSo: () => boolean, limitMs: number): Promise<'so' | 'idle' | 'late'>
  /** What the wall clock shows in addition to the time that passed: clocks may jump. */
  skewMs: number
  /** Gives the realm its own time back. */
  uninstall(): void
}

interface Timer {
  atMs: number
  order: number
  isPending: boolean
  readonly run: () => void
}

const beganAtMs = 1_700_000_000_000

/** Takes the realm's clocks, timers and dice away, until it is uninstalled. */
export function installVirtualTime(random: Random): VirtualTime {
  const real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    performance: globalThis.performance,
  }
  const { setImmediate } = globalThis
  const realNow = Date.now
  const realRandom = Math.random
  const realTimeout = AbortSignal.timeout
  const queue = timerQueue()
  let order = 0

  function schedule(ms: number, run: () => void): Timer {
    const timer = { atMs: time.nowMs + Math.max(0, ms), order: order++, isPending: true, run }
    queue.push(timer)
    return timer
  }

  function handleOf(ms: number, run: () => void, isRepeated: boolean): NodeJS.Timeout {
    let timer: Timer
    const start = () => {
      timer = schedule(ms, () => {
        if (isRepeated) start()
        run()
      })
    }
    start()
    const handle = {
      ref: () => handle,
      unref: () => handle,
      refresh() {
        timer.isPending = false
        start()
        return handle
      },
      clear: () => void (timer.isPending = false),
    }
    return handle as unknown as NodeJS.Timeout
  }

  const clear = (handle: unknown) => (handle as { clear?: () => void } | undefined)?.clear?.()
  Object.assign(globalThis, {
    setTimeout: (run: (...given: unknown[]) => void, ms = 0, ...given: unknown[]) =>
      handleOf(ms, () => run(...given), false),
    setInterval: (run: () => void, ms = 0) => handleOf(ms, run, true),
    clearTimeout: clear,
    clearInterval: clear,
    performance: { now: () => time.nowMs },
  })
  Date.now = () => beganAtMs + time.nowMs + time.skewMs
  Math.random = random.next
  AbortSignal.timeout = (ms) => {
    const controller = new AbortController()
    schedule(ms, () => controller.abort())
    return controller.signal
  }

  const time = {
    nowMs: 0,
    skewMs: 0,
    sleep: (ms: number) => new Promise<void>((resolve) => schedule(ms, resolve)),
    async runUntil(isSo: () => boolean, limitMs: number) {
      for (;;) {
        // Promises settle before a macrotask begins: afterwards all that could happen now has happened.
        await new Promise((resolve) => setImmediate(resolve))
        if (isSo()) return 'so' as const
        const timer = queue.pop()
        if (!timer) return 'idle' as const
        if (timer.atMs > limitMs) return 'late' as const
        time.nowMs = timer.atMs
        timer.run()
      }
    },
    uninstall() {
      Object.assign(globalThis, real)
      Date.now = realNow
      Math.random = realRandom
      AbortSignal.timeout = realTimeout
    },
  }
  return time
}

/** A binary heap; timers that were cleared are passed over. */
function timerQueue(): { push(timer: Timer): void; pop(): Timer | undefined } {
  const heap: Timer[] = []
  const isBefore = (a: Timer, b: Timer) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

  function sink(): void {
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let first = at
      if (left < heap.length && isBefore(heap[left] as Timer, heap[first] as Timer)) first = left
      if (right < heap.length && isBefore(heap[right] as Timer, heap[first] as Timer)) first = right
      if (first === at) return
      const moved = heap[at] as Timer
      heap[at] = heap[first] as Timer
      heap[first] = moved
      at = first
    }
  }

  return {
    push(timer) {
      let at = heap.push(timer) - 1
      while (at > 0) {
        const above = (at - 1) >> 1
        if (!isBefore(timer, heap[above] as Timer)) break
        heap[at] = heap[above] as Timer
        at = above
      }
      heap[at] = timer
    },
    pop() {
      for (;;) {
        const [first] = heap
        const last = heap.pop()
        if (!first || !last) return undefined
        if (heap.length > 0) {
          heap[0] = last
          sink()
        }
        if (!first.isPending) continue
        first.isPending = false
        return first
      }
    },
  }
}
