// Many orders on their way: posted, under way, ended.
//
// Invariants
// 1. At most `postsMax` requests and `sagasMax` sagas are under way at any time.
// 2. An end may be seen on Kafka before the answer to its POST has arrived: it is kept until then, and
//    only while a POST is under way.
// 3. `finished` settles once: when every order has ended or was refused, or with the reason to give up.

import { messageOf } from '@troupe/core'
import { setMaxListeners } from 'node:events'
import type { Saga } from '../observe/saga.ts'
import type { OrderApi } from '../stories/order-api.ts'
import type { MixedOrder } from './mixed-orders.ts'
import type { Tally, UnderWay } from './tally.ts'

export interface OrderStream {
  /** Resolves when all orders have ended. @throws the reason of `giveUp` */
  readonly finished: Promise<void>
  begin(): void
  /** A saga has ended: one of this stream, or of somebody else. */
  ended(saga: Saga): void
  /** Lets go of everything that is under way. */
  giveUp(reason: unknown): void
}

interface StreamOptions {
  readonly orders: OrderApi
  readonly tally: Tally
  readonly sagasMax: number
  readonly postsMax: number
  /** Told about each order that ended or was refused. */
  readonly onStep: () => void
}

export function createOrderStream(source: Iterator<MixedOrder>, options: StreamOptions): OrderStream {
  const { orders, tally, sagasMax, postsMax, onStep } = options
  const underWay = new Map<string, UnderWay>()
  const endedEarly = new Map<string, Saga>()
  const calledOff = new AbortController()
  setMaxListeners(0, calledOff.signal)
  let posting = 0
  let isSourceDry = false
  let resolve: () => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const finished = new Promise<void>((...both) => {
    ;[resolve, reject] = both
  })

  function settle(order: UnderWay, saga: Saga): void {
    tally.end(order, saga, Math.max(...saga.events.map(({ seenAtMs }) => seenAtMs)))
    onStep()
  }

  async function post({ kind, order }: MixedOrder): Promise<void> {
    const placing = { kind, postedAtMs: performance.now() }
    try {
      const id = await orders.place(order, { signal: calledOff.signal })
      tally.placed(kind)
      const saga = endedEarly.get(id)
      endedEarly.delete(id)
      if (saga) settle(placing, saga)
      else underWay.set(id, placing)
    } catch (error) {
      if (calledOff.signal.aborted) return
      tally.refuse(messageOf(error))
      onStep()
    } finally {
      posting -= 1
      if (posting === 0) endedEarly.clear()
      goOn()
    }
  }

  function goOn(): void {
    while (
      !isSourceDry &&
      posting < postsMax &&
      underWay.size + posting < sagasMax &&
      !calledOff.signal.aborted
    ) {
      const next = source.next()
      if (next.done) {
        isSourceDry = true
        break
      }
      posting += 1
      void post(next.value)
    }
    if (isSourceDry && posting === 0 && underWay.size === 0) resolve()
  }

  return {
    finished,
    begin: goOn,
    ended(saga) {
      const order = underWay.get(saga.id)
      underWay.delete(saga.id)
      if (order) settle(order, saga)
      else if (posting > 0) endedEarly.set(saga.id, saga)
      goOn()
    },
    giveUp(reason) {
      calledOff.abort(reason)
      reject(reason)
    },
  }
}
