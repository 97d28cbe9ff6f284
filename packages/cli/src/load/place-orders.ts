import { isTroupeError, TroupeError } from '@troupe/core'
import type { Ecosystem } from '../ecosystem/ecosystem.ts'
import type { Observer } from '../observe/observer.ts'
import type { OrderApi } from '../stories/order-api.ts'
import { type MixedOrder, mixedOrders } from './mixed-orders.ts'
import { createOrderStream } from './order-stream.ts'
import { createTally, type LoadReport, whereTheyHang } from './tally.ts'

export interface PlaceOrdersOptions {
  readonly count: number
  readonly seed: number
  /** Sagas under way at one time. Default 256. */
  readonly sagasMax?: number
  /** Requests under way at one time. Default 16. */
  readonly postsMax?: number
  /** Without any progress for this long, the run is given up. Default 30,000. */
  readonly stallMs?: number
  /** Default: `count` orders of all kinds, from the seed. */
  readonly orders?: Iterable<MixedOrder>
  /** Told how many have ended, whenever one does. */
  readonly onEnded?: (endedCount: number) => void
  readonly signal?: AbortSignal
}

export interface LoadStage {
  readonly ecosystem: Pick<Ecosystem, 'failed'>
  readonly observer: Observer
  readonly orders: OrderApi
}

/**
 * Places many orders and waits until every saga has ended. Memory is bounded by `sagasMax`, but for a
 * number or two per order.
 *
 * @throws the signal's reason, or why a service died. What goes wrong with orders is reported.
 */
export async function placeOrders(stage: LoadStage, options: PlaceOrdersOptions): Promise<LoadReport> {
  const { count, seed, sagasMax = 256, postsMax = 16, stallMs = 30_000, onEnded, signal } = options
  const { observer, orders, ecosystem } = stage
  signal?.throwIfAborted()
  const tally = createTally()
  const begunBefore = observer.begun()
  const source = (options.orders ?? mixedOrders(count, seed))[Symbol.iterator]()
  const stream = createOrderStream(source, {
    orders,
    tally,
    sagasMax,
    postsMax,
    onStep() {
      stall.refresh()
      onEnded?.(tally.ended)
    },
  })
  const stall = setTimeout(() => {
    const missing = `${count - tally.ended} of ${count} orders have not ended`
    stream.giveUp(
      new TroupeError(
        'TROUPE_SAGA_OVERDUE',
        `nothing went on for ${stallMs} ms: ${missing}; ${whereTheyHang(observer)}`,
      ),
    )
  }, stallMs)
  const stopListening = observer.listen({ ended: (saga) => stream.ended(saga) })
  const callOff = () => stream.giveUp(signal?.reason)
  signal?.addEventListener('abort', callOff, { once: true })
  try {
    stream.begin()
    await Promise.race([stream.finished, ecosystem.failed])
    // What was published twice, or comes after an end, would come now.
    await observer.caughtUp(signal)
    const begun = observer.begun() - begunBefore
    if (begun !== count) tally.note(`${count} orders were placed, but ${begun} sagas began`)
  } catch (error) {
    if (!isTroupeError(error, 'TROUPE_SAGA_OVERDUE')) throw error
    tally.note(error.message)
  } finally {
    clearTimeout(stall)
    stopListening()
    signal?.removeEventListener('abort', callOff)
    // Where a service died, requests are still under way.
    stream.giveUp(new TroupeError('TROUPE_STOPPED', 'No more orders are placed.'))
    stream.finished.catch(() => {})
  }
  return tally.report(count, seed)
}
