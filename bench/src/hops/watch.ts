/** Who waits for answers, by the keys of orders. */
export interface Watch {
  /** From now on an answer to this order is waited for; its time is counted from `dueAtMs`. */
  expect(orderId: string, dueAtMs: number): void
  /** Answers to these orders have come. */
  see(orderIds: readonly string[]): void
  /**
   * Resolves when every order has been answered, but for so many.
   * @throws the signal's reason; or if nothing went on for a minute
   */
  done(openMax?: number): Promise<void>
  /** How long the answers took since this was asked last, in milliseconds. */
  takeLatencies(): readonly number[]
  /** When the latest answer was seen, on the clock of `performance.now()`. */
  lastSeenAtMs(): number
  /** Answers that nobody waited for: to an order that was answered already, or never sent. */
  strays(): number
}

const stallMs = 60_000

/** Waits for nothing yet. */
export function createWatch(signal: AbortSignal): Watch {
  const waiting = new Map<string, number>()
  let latencies: number[] = []
  let lastSeenAtMs = performance.now()
  let strays = 0
  let waiter:
    | { readonly openMax: number; readonly resolve: () => void; readonly stall: NodeJS.Timeout }
    | undefined

  function seeOne(orderId: string, atMs: number): void {
    const dueAtMs = waiting.get(orderId)
    if (dueAtMs === undefined) strays += 1
    else latencies.push(atMs - dueAtMs)
    waiting.delete(orderId)
    lastSeenAtMs = atMs
  }

  return {
    expect: (orderId, dueAtMs) => void waiting.set(orderId, dueAtMs),
    see(orderIds) {
      const atMs = performance.now()
      for (const orderId of orderIds) seeOne(orderId, atMs)
      waiter?.stall.refresh()
      if (waiter && waiting.size <= waiter.openMax) waiter.resolve()
    },
    async done(openMax = 0) {
      signal.throwIfAborted()
      if (waiting.size <= openMax) return
      let giveUp: () => void = () => {}
      try {
        await new Promise<void>((resolve, reject) => {
          const stall = setTimeout(() => {
            reject(new Error(`${waiting.size} orders were not answered: nothing went on for ${stallMs} ms.`))
          }, stallMs)
          waiter = { openMax, resolve, stall }
          giveUp = () => reject(signal.reason as Error)
          signal.addEventListener('abort', giveUp, { once: true })
        })
      } finally {
        clearTimeout(waiter?.stall)
        waiter = undefined
        signal.removeEventListener('abort', giveUp)
      }
    },
    takeLatencies() {
      const taken = latencies
      latencies = []
      return taken
    },
    lastSeenAtMs: () => lastSeenAtMs,
    strays: () => strays,
  }
}
