import { isTroupeError, messageOf, TroupeError } from '@troupe/core'
import type { Ecosystem } from '../ecosystem/ecosystem.ts'
import type { Observer } from '../observe/observer.ts'
import type { Saga } from '../observe/saga.ts'
import { sagaProblems } from '../stories/judge.ts'
import type { OrderApi } from '../stories/order-api.ts'
import { expectations, type OrderKind } from '../stories/orders.ts'
import { type MixedOrder, mixedOrders } from './mixed-orders.ts'
import { type Percentiles, percentilesOf } from './percentiles.ts'

export interface PlaceOrdersOptions {
  readonly count: number
  readonly seed: number
  /** Sagas under way at one time. Default 256. */
  readonly sagasMax?: number
  /** Requests under way at one time. Default 16. */
  readonly postsMax?: number
  /** Without any progress for this long, the run is given up. Default 30,000. */
  readonly stallMs?: number
  /** Default: orders of all kinds, from the seed. */
  readonly orders?: Iterable<MixedOrder>
  /** Told about each end. */
  readonly onEnded?: (endedCount: number) => void
  readonly signal?: AbortSignal
}

/** What became of the orders of one kind. */
export interface KindReport {
  readonly placed: number
  /** Whose events and end were exactly those that their input asks for. */
  readonly asExpected: number
}

/** What became of many orders. */
export interface LoadReport {
  readonly ok: boolean
  readonly count: number
  readonly seed: number
  /** From the first POST to the last end. */
  readonly durationMs: number
  readonly sagasPerSecond: number
  /** From POST to end, as seen on Kafka: waiting behind the others included. */
  readonly latencyMs: Percentiles
  readonly kinds: Readonly<Record<OrderKind, KindReport>>
  /** The first few things that went otherwise than they should. */
  readonly problems: readonly string[]
}

export interface LoadStage {
  readonly ecosystem: Pick<Ecosystem, 'failed'>
  readonly observer: Observer
  readonly orders: OrderApi
}

const problemsMax = 10

interface UnderWay {
  readonly kind: OrderKind
  readonly postedAtMs: number
}

/**
 * Places many orders and waits until every saga has ended.
 *
 * Memory is bounded by `sagasMax`, but for one number per order.
 *
 * @throws the signal's reason, or why a service died. What goes wrong with orders is reported.
 */
export async function placeOrders(stage: LoadStage, options: PlaceOrdersOptions): Promise<LoadReport> {
  const { count, seed, sagasMax = 256, postsMax = 16, stallMs = 30_000, onEnded } = options
  const { observer, orders } = stage
  const source = (options.orders ?? mixedOrders(count, seed))[Symbol.iterator]()
  const underWay = new Map<string, UnderWay>()
  // An end may be seen on Kafka before the answer to its POST has arrived.
  const endedEarly = new Map<string, { readonly saga: Saga; readonly atMs: number }>()
  const kinds = emptyKinds()
  const latencies: number[] = []
  const problems: string[] = []
  const giveUp = new AbortController()
  const begunBefore = observer.begun()
  const startedAtMs = performance.now()
  let lastEndAtMs = startedAtMs
  let posting = 0
  let placed = 0
  let ended = 0
  let isSourceDry = false

  const done = deferred()
  const stall = setTimeout(() => {
    note(
      `nothing went on for ${stallMs} ms: ${count - ended} of ${count} orders have not ended. ${whereTheyHang(observer)}`,
    )
    giveUp.abort(new TroupeError('TROUPE_SAGA_OVERDUE', 'Nothing goes on any more.'))
    done.resolve()
  }, stallMs)

  function note(problem: string): void {
    if (problems.length < problemsMax) problems.push(problem)
  }

  function settle({ kind, postedAtMs }: UnderWay, saga: Saga, atMs: number): void {
    latencies.push(atMs - postedAtMs)
    lastEndAtMs = Math.max(lastEndAtMs, atMs)
    ended += 1
    const wrong = sagaProblems(saga, expectations[kind])
    if (wrong.length === 0) kinds[kind].asExpected += 1
    for (const problem of wrong) note(`${saga.id} (${kind}): ${problem}`)
    stall.refresh()
    onEnded?.(ended)
    goOn()
  }

  async function post({ kind, order }: MixedOrder): Promise<void> {
    const postedAtMs = performance.now()
    try {
      const id = await orders.place(order, { signal: giveUp.signal })
      placed += 1
      kinds[kind].placed += 1
      const early = endedEarly.get(id)
      endedEarly.delete(id)
      if (early) settle({ kind, postedAtMs }, early.saga, early.atMs)
      else underWay.set(id, { kind, postedAtMs })
    } catch (error) {
      if (giveUp.signal.aborted) return
      ended += 1
      note(messageOf(error))
    } finally {
      posting -= 1
      goOn()
    }
  }

  function goOn(): void {
    while (
      !isSourceDry &&
      posting < postsMax &&
      underWay.size + posting < sagasMax &&
      !giveUp.signal.aborted
    ) {
      const next = source.next()
      if (next.done) isSourceDry = true
      else {
        posting += 1
        void post(next.value)
      }
    }
    if (isSourceDry && posting === 0 && underWay.size === 0) done.resolve()
  }

  const stopListening = observer.listen({
    ended(saga) {
      const atMs = Math.max(...saga.events.map(({ seenAtMs }) => seenAtMs))
      const one = underWay.get(saga.id)
      underWay.delete(saga.id)
      if (one) settle(one, saga, atMs)
      else if (posting > 0) endedEarly.set(saga.id, { saga, atMs })
    },
  })
  const { signal } = options
  const calledOff = () => done.reject(signal?.reason)
  signal?.addEventListener('abort', calledOff, { once: true })
  try {
    signal?.throwIfAborted()
    goOn()
    await Promise.race([done.promise, stage.ecosystem.failed])
    if (!giveUp.signal.aborted) await observer.caughtUp(signal)
  } catch (error) {
    giveUp.abort(error)
    if (!isTroupeError(error, 'TROUPE_SAGA_OVERDUE')) throw error
  } finally {
    clearTimeout(stall)
    stopListening()
    signal?.removeEventListener('abort', calledOff)
  }
  if (observer.begun() - begunBefore !== placed) {
    note(`${placed} orders were placed, but ${observer.begun() - begunBefore} sagas began`)
  }
  const durationMs = lastEndAtMs - startedAtMs
  return {
    ok:
      problems.length === 0 &&
      placed === count &&
      Object.values(kinds).every(({ placed: its, asExpected }) => its === asExpected),
    count,
    seed,
    durationMs,
    sagasPerSecond: durationMs > 0 ? latencies.length / (durationMs / 1_000) : 0,
    latencyMs: percentilesOf(latencies),
    kinds,
    problems,
  }
}

interface Deferred {
  readonly promise: Promise<void>
  resolve(): void
  reject(reason: unknown): void
}

function deferred(): Deferred {
  let resolve: () => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<void>((...both) => {
    ;[resolve, reject] = both
  })
  return { promise, resolve, reject }
}

function emptyKinds(): Record<OrderKind, { placed: number; asExpected: number }> {
  const none = () => ({ placed: 0, asExpected: 0 })
  return {
    good: none(),
    'card declined': none(),
    'over the limit': none(),
    'out of stock': none(),
    'address not served': none(),
  }
}

/** After which events the open sagas stand still. */
function whereTheyHang(observer: Observer): string {
  const counts = new Map<string, number>()
  for (const { events } of observer.open()) {
    const last = events.at(-1)?.event.type ?? 'nothing'
    counts.set(last, (counts.get(last) ?? 0) + 1)
  }
  return [...counts].map(([type, count]) => `${count} stand at ${type}`).join(', ')
}
