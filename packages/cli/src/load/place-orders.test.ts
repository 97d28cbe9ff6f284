import { TroupeError } from '@troupe/core'
import { describe, expect, it } from '@jest/globals'
import type { Observer } from '../observe/observer.ts'
import { chain } from '../observe/sagas.test.kit.ts'
import { createSightings } from '../observe/sightings.ts'
import { expectations, type OrderKind } from '../stories/orders.ts'
import { mixedOrders } from './mixed-orders.ts'
import { type LoadStage, placeOrders } from './place-orders.ts'

const pending = new Promise<never>(() => {})

interface Misbehaviour {
  /** What an order leads to; undefined: nothing. */
  readonly eventsOf?: (kind: OrderKind, at: number) => readonly string[] | undefined
  /** Its end is seen before the POST is answered. */
  readonly isEarly?: boolean
  readonly failed?: Promise<never>
}

/** A company that does with each order what its kind asks for, unless it misbehaves; counts what is under way. */
function company(
  seed: number,
  count: number,
  { eventsOf, isEarly = false, failed = pending }: Misbehaviour = {},
) {
  const { add, ...sightings } = createSightings()
  const kinds = [...mixedOrders(count, seed)].map(({ kind }) => kind)
  const peak = { posts: 0, sagas: 0 }
  let posts = 0
  let sagas = 0
  let placed = 0
  const stage: LoadStage = {
    ecosystem: { failed },
    observer: { ...sightings, caughtUp: async () => {}, hearersOf: () => ['payment'] } as unknown as Observer,
    orders: {
      state: async () => undefined,
      async place() {
        const at = placed
        const kind = kinds[at] ?? 'good'
        placed += 1
        posts += 1
        sagas += 1
        peak.posts = Math.max(peak.posts, posts)
        peak.sagas = Math.max(peak.sagas, sagas)
        const events = eventsOf ? eventsOf(kind, at) : expectations[kind].events
        const end = () => {
          sagas -= 1
          for (const one of chain(events ?? [], `order-${at}`, performance.now())) add(one)
        }
        if (isEarly) end()
        await Promise.resolve()
        posts -= 1
        if (!isEarly) setImmediate(end)
        return `order-${at}`
      },
    },
  }
  return { stage, peak }
}

describe('many orders', () => {
  it('are all placed and end as their kinds must', async () => {
    const { stage } = company(1, 300)
    let ended = 0
    const report = await placeOrders(stage, { count: 300, seed: 1, onEnded: (count) => (ended = count) })
    expect([report.ok, report.problems, ended]).toEqual([true, [], 300])
    const kinds = Object.values(report.kinds)
    expect(kinds.reduce((sum, { placed }) => sum + placed, 0)).toBe(300)
    expect(report.latencyMs.p50).toBeGreaterThan(0)
    expect(report.sagasPerSecond).toBeGreaterThan(0)
  })

  it('count where the end is seen before the POST is answered', async () => {
    const { stage } = company(1, 50, { isEarly: true })
    expect(await placeOrders(stage, { count: 50, seed: 1 })).toMatchObject({ ok: true, problems: [] })
  })

  it('are never more at once than allowed', async () => {
    const { stage, peak } = company(2, 200)
    await placeOrders(stage, { count: 200, seed: 2, postsMax: 3, sagasMax: 7 })
    expect(peak).toEqual({ posts: 3, sagas: 7 })
  })

  it('are not ok when one ends otherwise than its kind must', async () => {
    const { stage } = company(1, 20, {
      eventsOf: (kind, at) => expectations[at === 11 ? 'card declined' : kind].events,
    })
    const kinds = [...mixedOrders(20, 1)].map(({ kind }) => kind)
    expect(kinds[11]).toBe('good')
    const report = await placeOrders(stage, { count: 20, seed: 1 })
    expect(report.ok).toBe(false)
    expect(report.problems.join('\n')).toContain(
      'order order-11 (good): it is cancelled instead of completed',
    )
    expect(report.kinds.good.asExpected).toBe(report.kinds.good.placed - 1)
  })

  it('are given up when nothing goes on, saying where they stand', async () => {
    const { stage } = company(1, 10, {
      eventsOf: (kind, at) => (at % 2 ? expectations[kind].events : ['OrderReceived']),
    })
    const report = await placeOrders(stage, { count: 10, seed: 1, stallMs: 50 })
    expect(report.ok).toBe(false)
    expect(report.problems).toContain(
      'nothing went on for 50 ms: 5 of 10 orders have not ended; 5 wait for payment to hear OrderReceived',
    )
  })

  it('are given up when a service dies, and when the signal says so', async () => {
    const died = new TroupeError('TROUPE_SERVICE_DIED', 'shipping ended unexpectedly')
    const failed = Promise.reject(died)
    failed.catch(() => {})
    const dead = company(1, 10, { eventsOf: () => [], failed })
    await expect(placeOrders(dead.stage, { count: 10, seed: 1 })).rejects.toBe(died)

    const reason = new Error('stopped')
    const abort = new AbortController()
    const alive = company(1, 10, { eventsOf: () => [] })
    setImmediate(() => abort.abort(reason))
    await expect(placeOrders(alive.stage, { count: 10, seed: 1, signal: abort.signal })).rejects.toBe(reason)
  })
})
