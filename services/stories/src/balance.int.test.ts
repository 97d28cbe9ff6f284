import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type DocumentType } from '@troupe/core'
import { startGateway } from '@troupe-demo/gateway'
import { inventory, openingStock, stockOf } from '@troupe-demo/inventory'
import { order, type OrderRequest, orderStatus, placeOrder } from '@troupe-demo/order'
import { charge, gatewayAt, paymentThrough } from '@troupe-demo/payment'
import { InventoryReleased, InventoryReserved, PaymentProcessed, PaymentRefunded } from '@troupe-demo/schemas'
import { shipping } from '@troupe-demo/shipping'
import { EventTestHarness } from '@troupe/testing'
import fc from 'fast-check'
import { orderFor } from './orders.ts'

const gateway = await startGateway()
const payment = paymentThrough(gatewayAt(gateway.url))
afterAll(() => gateway.stop())

const ordersPerRun = 180
/** Among them, whatever else is drawn: a run in which nothing succeeds would prove nothing. */
const plainPerRun = 20

const anyOrder: fc.Arbitrary<OrderRequest> = fc
  .record({
    items: fc.array(
      fc.record({
        sku: fc.constantFrom('book', 'lamp', 'pen', 'rare-print', 'sold-out', 'unheard-of'),
        quantity: fc.integer({ min: 1, max: 5 }),
        priceCents: fc.integer({ min: 0, max: 200_000 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    cardToken: fc.constantFrom('tok_visa', 'tok_visa', 'tok_visa', 'tok_declined', 'tok_expired'),
    country: fc.constantFrom('DE', 'FR', 'DE', 'AQ'),
  })
  .map(({ country, ...change }) => orderFor({ ...change, shipTo: { ...orderFor().shipTo, country } }))

describe('any mix of orders', () => {
  let harness: EventTestHarness
  beforeAll(async () => {
    harness = await EventTestHarness.start({
      services: [order, payment, inventory, shipping],
      timeoutMs: 150_000,
    })
  })
  afterAll(() => harness?.stop())

  async function all<State extends object>(
    name: string,
    type: DocumentType<State>,
  ): Promise<readonly { key: string; state: State }[]> {
    const found: { key: string; state: State }[] = []
    for (;;) {
      const after = found.at(-1)?.key
      const page = await harness
        .service(name)
        .list(type, { limit: 1_000, ...(after === undefined ? {} : { after }) })
      if (page.length === 0) return found
      found.push(...page)
    }
  }

  function sum(values: readonly number[]): number {
    return values.reduce((total, value) => total + value, 0)
  }

  it('ends every saga once, and leaves money and stock in balance', async () => {
    let placed = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyOrder, { minLength: ordersPerRun, maxLength: ordersPerRun }),
        async (drawn) => {
          const orders = drawn.flatMap((one, index) =>
            index % (ordersPerRun / plainPerRun) === 0 ? [orderFor(), one] : [one],
          )
          await Promise.all(orders.map((one) => harness.service('order').decide(placeOrder, one)))
          placed += orders.length
          await harness.atRest()

          const statuses = await all('order', orderStatus)
          expect(statuses).toHaveLength(placed)
          expect(
            statuses.filter(({ state: { state } }) => state !== 'completed' && state !== 'cancelled'),
          ).toEqual([])

          const completed = statuses.filter(({ state: { state } }) => state === 'completed')
          expect(completed.length).toBeGreaterThan(placed / 20)
          expect(completed.length).toBeLessThan(placed)

          const charges = (await all('payment', charge)).map(({ state }) => state)
          const kept = sum(charges.map(({ chargedCents, refundedCents }) => chargedCents - refundedCents))
          expect(kept).toBe(sum(completed.map(({ state }) => state.details?.totalCents ?? Number.NaN)))

          const sold = new Map<string, number>()
          for (const { state } of completed) {
            for (const { sku, quantity } of state.details?.items ?? [])
              sold.set(sku, (sold.get(sku) ?? 0) + quantity)
          }
          for (const [sku, opening] of openingStock) {
            const found = await stockOf(harness.service('inventory'), sku)
            expect({ sku, ...found }).toEqual({
              sku,
              free: opening - (sold.get(sku) ?? 0),
              held: sold.get(sku) ?? 0,
            })
          }

          const events = harness.events()
          const of = (type: string) => events.filter((event) => event.type === type)
          const amount = (type: string) =>
            sum(of(type).map(({ data }) => (data as { amountCents: number }).amountCents))
          expect(amount(PaymentProcessed.type) - amount(PaymentRefunded.type)).toBe(kept)
          expect(of(InventoryReserved.type).length - of(InventoryReleased.type).length).toBe(completed.length)
          expect(of('OrderCompleted').length + of('OrderCancelled').length).toBe(placed)
        },
      ),
      { numRuns: 2, endOnFailure: true },
    )
  })
})
