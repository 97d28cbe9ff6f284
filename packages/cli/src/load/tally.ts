import type { Observer } from '../observe/observer.ts'
import type { Saga } from '../observe/saga.ts'
import { sagaProblems } from '../stories/judge.ts'
import { expectations, type OrderKind } from '../stories/orders.ts'
import { type Percentiles, percentilesOf } from './percentiles.ts'

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

/** An order whose saga goes on. */
export interface UnderWay {
  readonly kind: OrderKind
  readonly postedAtMs: number
}

/** Counts what becomes of many orders: one number per order is all it keeps. */
export interface Tally {
  readonly ended: number
  placed(kind: OrderKind): void
  /** The saga of an order ended at this time (`performance.now()`). */
  end(order: UnderWay, saga: Saga, atMs: number): void
  /** An order could not be placed: it will have no end. */
  refuse(problem: string): void
  note(problem: string): void
  report(count: number, seed: number): LoadReport
}

const problemsMax = 10

export function createTally(): Tally {
  const startedAtMs = performance.now()
  const kinds = noKinds()
  const latencies: number[] = []
  const problems: string[] = []
  let lastEndAtMs = startedAtMs
  let ended = 0

  function note(problem: string): void {
    if (problems.length < problemsMax) problems.push(problem)
  }

  return {
    get ended() {
      return ended
    },
    placed(kind) {
      kinds[kind].placed += 1
    },
    end({ kind, postedAtMs }, saga, atMs) {
      latencies.push(atMs - postedAtMs)
      lastEndAtMs = Math.max(lastEndAtMs, atMs)
      ended += 1
      const wrong = sagaProblems(saga, expectations[kind])
      if (wrong.length === 0) kinds[kind].asExpected += 1
      for (const problem of wrong) note(`order ${saga.id} (${kind}): ${problem}`)
    },
    refuse(problem) {
      ended += 1
      note(problem)
    },
    note,
    report(count, seed) {
      const durationMs = lastEndAtMs - startedAtMs
      const asExpected = Object.values(kinds).reduce((sum, kind) => sum + kind.asExpected, 0)
      return {
        ok: problems.length === 0 && asExpected === count,
        count,
        seed,
        durationMs,
        sagasPerSecond: durationMs > 0 ? latencies.length / (durationMs / 1_000) : 0,
        latencyMs: percentilesOf(latencies),
        kinds,
        problems,
      }
    },
  }
}

/** After which events the open sagas stand still, and who is to hear them, in words. */
export function whereTheyHang(observer: Pick<Observer, 'open' | 'hearersOf'>): string {
  const counts = new Map<string, number>()
  for (const { events } of observer.open()) {
    const last = events.at(-1)?.event.type ?? 'nothing'
    counts.set(last, (counts.get(last) ?? 0) + 1)
  }
  return [...counts]
    .map(([type, count]) => `${count} wait for ${observer.hearersOf(type).join(' and ')} to hear ${type}`)
    .join(', ')
}

function noKinds(): Record<OrderKind, { placed: number; asExpected: number }> {
  const none = () => ({ placed: 0, asExpected: 0 })
  return {
    good: none(),
    'card declined': none(),
    'over the limit': none(),
    'out of stock': none(),
    'address not served': none(),
  }
}
