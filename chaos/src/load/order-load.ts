// Orders that are placed whatever happens: each is asked for until it is answered, under one idempotency key,
// now of one instance of the order service and now of another.
//
// Invariants
// 1. At most `postsMax` requests are under way.
// 2. An order is due at its place in the time given; what is late is made up for as fast as 1 permits.

import {
  createHttpClient,
  type HttpClient,
  mixedOrders,
  type MixedOrder,
  orderApi,
  type OrderKind,
} from '@troupe/cli'
import type { PlacedOrder } from '../checks/facts.ts'
import { pause } from '../world/pause.ts'

export interface OrderLoadOptions {
  readonly count: number
  readonly seed: number
  /** Over how long they are spread. 0: as fast as they are taken. */
  readonly durationMs: number
  /** Where the order service's instances listen, the dead ones included. */
  readonly urls: () => readonly string[]
  readonly signal: AbortSignal
  /** Default: all of them, mixed. */
  readonly kinds?: readonly OrderKind[]
  /** Requests under way. Default 32. */
  readonly postsMax?: number
  /** Told how many have been answered. */
  readonly onAnswered?: (count: number) => void
}

interface Order extends PlacedOrder {
  readonly answers: string[]
}

const attemptMsMax = 5_000
const retryDelayMs = 100

/**
 * Resolves when every order was answered, with all of them.
 *
 * @throws the signal's reason
 */
export async function placeOrders(options: OrderLoadOptions): Promise<readonly PlacedOrder[]> {
  const { count, seed, durationMs, kinds, postsMax = 32, signal, onAnswered } = options
  const http = createHttpClient(postsMax, attemptMsMax)
  const source = ordersOf(count, seed, kinds)
  const beganMs = performance.now()
  const orders: Order[] = []
  let answered = 0

  async function work(): Promise<void> {
    for (let next = source.next(); !next.done; next = source.next()) {
      const { kind } = next.value
      const order: Order = { idempotencyKey: `chaos-${seed}-${orders.length}`, kind, answers: [] }
      const dueMs = beganMs + (durationMs * orders.length) / count
      orders.push(order)
      const early = dueMs - performance.now()
      if (early > 0) await pause(early, signal)
      order.answers.push(await insist(http, next.value, order, options))
      answered += 1
      onAnswered?.(answered)
    }
  }

  try {
    await Promise.all(Array.from({ length: postsMax }, work))
  } finally {
    http.close()
  }
  return orders
}

function* ordersOf(count: number, seed: number, kinds?: readonly OrderKind[]): Generator<MixedOrder> {
  let made = 0
  for (const one of mixedOrders(Infinity, seed)) {
    if (kinds && !kinds.includes(one.kind)) continue
    if (made === count) return
    made += 1
    yield one
  }
}

/** Every tenth order is asked for twice, whatever the first answer was: it must be the same. */
function asksAgain(key: string): boolean {
  return key.endsWith('0')
}

/** Asks for one order until it is answered, now of one instance and now of another. @throws the signal's reason */
export async function insist(
  http: HttpClient,
  { order }: Pick<MixedOrder, 'order'>,
  { idempotencyKey, answers }: Pick<Order, 'idempotencyKey' | 'answers'>,
  { urls, signal }: Pick<OrderLoadOptions, 'urls' | 'signal'>,
): Promise<string> {
  for (let attempt = 0; ; attempt += 1) {
    signal.throwIfAborted()
    const all = urls()
    const url = all[attempt % all.length] ?? ''
    try {
      const id = await orderApi(http, url).place(order, {
        idempotencyKey,
        signal: AbortSignal.any([signal, AbortSignal.timeout(attemptMsMax)]),
      })
      if (!asksAgain(idempotencyKey) || answers.length > 0) return id
      answers.push(id)
    } catch {
      await pause(retryDelayMs, signal)
    }
  }
}
