import { type LoadStage, placeOrders } from '../load/place-orders.ts'
import { loadLines } from '../draw/load-lines.ts'
import type { OrderApi } from '../stories/order-api.ts'
import type { Terminal } from '../terminal/terminal.ts'
import type { Played } from './demo-report.ts'
import { progressBar } from '../terminal/progress-bar.ts'

interface Loading extends Omit<LoadStage, 'orders'> {
  readonly options: { readonly seed: number; readonly json: boolean }
  readonly terminal: Terminal
  readonly signal: AbortSignal
}

/** Plays many mixed orders behind a progress bar, and says how fast that was and what became of them. */
export async function playLoad(
  { ecosystem, observer, options, signal, terminal }: Loading,
  count: number,
  orders: OrderApi,
): Promise<Played> {
  const { seed } = options
  terminal.note(`Placing ${count} orders, seed ${seed} …`)
  const bar = progressBar(count, 'sagas ended', terminal)
  try {
    const load = await placeOrders(
      { ecosystem, observer, orders },
      { count, seed, onEnded: bar.update, signal },
    )
    bar.stop()
    if (!options.json) terminal.print(loadLines(load, terminal.colors))
    return { stories: [], load, firstSagaMs: null }
  } finally {
    bar.stop()
  }
}
