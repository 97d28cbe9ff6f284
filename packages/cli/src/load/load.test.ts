import { describe, expect, it } from '@jest/globals'
import { openingStock } from '@troupe-demo/inventory'
import { orderRequest } from '@troupe-demo/order'
import { limitCents } from '@troupe-demo/payment'
import { mixedOrders } from './mixed-orders.ts'
import { percentilesOf } from './percentiles.ts'

describe('mixed orders', () => {
  it('are the same for the same seed, and others for another', () => {
    expect([...mixedOrders(200, 7)]).toEqual([...mixedOrders(200, 7)])
    expect([...mixedOrders(200, 7)]).not.toEqual([...mixedOrders(200, 8)])
  })

  it('are of every kind, mostly good', () => {
    const kinds = [...mixedOrders(1_000, 1)].map(({ kind }) => kind)
    const share = (wanted: string) => kinds.filter((kind) => kind === wanted).length / kinds.length
    expect(share('good')).toBeGreaterThan(0.6)
    for (const kind of ['card declined', 'over the limit', 'out of stock', 'address not served']) {
      expect(share(kind)).toBeGreaterThan(0.01)
    }
  })

  it('are taken by Order, and their fate is decided by their kind alone', () => {
    for (const { kind, order } of mixedOrders(1_000, 3)) {
      expect(orderRequest.safeParse(order).error).toBeUndefined()
      const total = order.items.reduce((sum, { quantity, priceCents }) => sum + quantity * priceCents, 0)
      expect([kind, total > limitCents]).toEqual([kind, kind === 'over the limit'])
      const isShort = order.items.some(({ sku }) => (openingStock.get(sku) ?? 0) === 0)
      expect([kind, isShort]).toEqual([kind, kind === 'out of stock'])
    }
  })

  it('never run out of stock, however many are placed', () => {
    const wanted = new Map<string, number>()
    for (const { kind, order } of mixedOrders(100_000, 5)) {
      // The others are declined before stock is asked for, or never hold any.
      if (kind !== 'good' && kind !== 'address not served') continue
      for (const { sku, quantity } of order.items) wanted.set(sku, (wanted.get(sku) ?? 0) + quantity)
    }
    for (const [sku, pieces] of wanted) expect(openingStock.get(sku)).toBeGreaterThan(pieces)
  })
})

describe('percentiles', () => {
  it('are by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, at) => 100 - at)
    expect(percentilesOf(hundred)).toEqual({ p50: 50, p90: 90, p95: 95, p99: 99, max: 100 })
    expect(percentilesOf([7])).toEqual({ p50: 7, p90: 7, p95: 7, p99: 7, max: 7 })
  })

  it('are 0 of nothing', () => {
    expect(percentilesOf([])).toEqual({ p50: 0, p90: 0, p95: 0, p99: 0, max: 0 })
  })
})
