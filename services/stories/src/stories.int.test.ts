import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { startGateway } from '@troupe-demo/gateway'
import { inventory } from '@troupe-demo/inventory'
import { order, orderStatus, type OrderRequest, placeOrder } from '@troupe-demo/order'
import { gatewayAt, paymentThrough } from '@troupe-demo/payment'
import { OrderCancelled, OrderCompleted } from '@troupe-demo/schemas'
import { shipping } from '@troupe-demo/shipping'
import { EventTestHarness } from '@troupe/testing'
import { declinedCard, notServed, orderFor, outOfStock } from './orders.ts'

const gateway = await startGateway()
const payment = paymentThrough(gatewayAt(gateway.url))
afterAll(() => gateway.stop())

describe('the order story', () => {
  let harness: EventTestHarness
  beforeAll(async () => {
    harness = await EventTestHarness.start({
      services: [order, payment, inventory, shipping],
      timeoutMs: 60_000,
    })
  })
  afterAll(() => harness?.stop())

  async function place(change: Partial<OrderRequest>, idempotencyKey?: string): Promise<string> {
    const { orderId } = await harness
      .service('order')
      .decide(placeOrder, orderFor(change), idempotencyKey === undefined ? {} : { idempotencyKey })
    return orderId
  }

  function chainOf(saga: string): string[] {
    const events = harness.events().filter(({ correlationId }) => correlationId === saga)
    // Topics are read side by side: the order of causes is the order of the story.
    const causes = new Map(events.map((event) => [event.causationId, event]))
    const chain: string[] = []
    for (let next = causes.get(undefined); next; next = causes.get(next.id)) chain.push(next.type)
    expect(chain).toHaveLength(events.length)
    return chain
  }

  it('completes when everything can be done', async () => {
    const orderId = await place({})
    await harness.expectEvent(OrderCompleted, { orderId })
    expect(chainOf(orderId)).toEqual([
      'OrderReceived',
      'PaymentProcessed',
      'InventoryReserved',
      'ShippingScheduled',
      'OrderCompleted',
    ])
    expect((await harness.service('order').read(orderStatus(orderId))).state).toBe('completed')
  })

  it('cancels when the card is declined, and nobody else hears of it', async () => {
    const orderId = await place(declinedCard)
    await harness.expectEvent(OrderCancelled, { orderId, reason: 'card declined' })
    expect(chainOf(orderId)).toEqual(['OrderReceived', 'PaymentFailed', 'OrderCancelled'])
  })

  it('refunds and cancels when stock has run out', async () => {
    const orderId = await place(outOfStock)
    await harness.expectEvent(OrderCancelled, { orderId, reason: 'out of stock: sold-out' })
    expect(chainOf(orderId)).toEqual([
      'OrderReceived',
      'PaymentProcessed',
      'InventoryFailed',
      'PaymentRefunded',
      'OrderCancelled',
    ])
  })

  it('undoes everything, in reverse order, when the address is not served', async () => {
    const orderId = await place(notServed)
    await harness.expectEvent(OrderCancelled, { orderId })
    expect(chainOf(orderId)).toEqual([
      'OrderReceived',
      'PaymentProcessed',
      'InventoryReserved',
      'ShippingFailed',
      'InventoryReleased',
      'PaymentRefunded',
      'OrderCancelled',
    ])
  })

  it('makes one saga of an order that is posted twice under one idempotency key', async () => {
    const first = await place({}, 'twice')
    const second = await place({}, 'twice')
    expect(second).toBe(first)
    await harness.expectEvent(OrderCompleted, { orderId: first })
    await harness.expectNoEvent(OrderCompleted, { orderId: first })
    expect(chainOf(first)).toHaveLength(5)
  })

  it('catches up when a service was away, and loses nothing', async () => {
    await harness.stopService('inventory')
    const orderIds = await Promise.all([{}, {}, notServed, {}, outOfStock].map((change) => place(change)))
    await harness.startService('inventory')
    await harness.atRest()
    const states = await Promise.all(orderIds.map((id) => harness.service('order').read(orderStatus(id))))
    expect(states.map(({ state }) => state)).toEqual([
      'completed',
      'completed',
      'cancelled',
      'completed',
      'cancelled',
    ])
  })
})
