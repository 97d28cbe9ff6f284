import { afterAll, afterEach, describe, expect, it } from '@jest/globals'
import { startGateway } from '@troupe-demo/gateway'
import { inventory, stockOf } from '@troupe-demo/inventory'
import { order, orderStatus, placeOrder } from '@troupe-demo/order'
import { charge, gatewayAt, paymentThrough } from '@troupe-demo/payment'
import {
  InventoryFailed,
  InventoryReleased,
  InventoryReserved,
  OrderAbandoned,
  OrderCancelled,
  OrderCompleted,
  OrderReceived,
  PaymentFailed,
  PaymentProcessed,
  PaymentRefunded,
  ReservationOverdue,
  ShippingFailed,
  ShippingScheduled,
} from '@troupe-demo/schemas'
import { shipment, shipping } from '@troupe-demo/shipping'
import { EventTestHarness } from '@troupe/testing'
import { orderFor } from './orders.ts'

const gateway = await startGateway()
const payment = paymentThrough(gatewayAt(gateway.url))
afterAll(() => gateway.stop())

const shipTo = { country: 'DE' }
const uuid = '0190b1c0-0000-7000-8000-000000000001'

function received(orderId: string, change: Partial<Parameters<typeof OrderReceived>[0]> = {}) {
  return OrderReceived({
    orderId,
    customerId: 'customer-456',
    items: [{ sku: 'book', quantity: 2, priceCents: 1_250 }],
    totalCents: 2_500,
    cardToken: 'tok_visa',
    shipTo,
    placedAtMs: 1_700_000_000_000,
    ...change,
  })
}

function processed(orderId: string, quantity = 2) {
  return PaymentProcessed({
    orderId,
    paymentId: uuid,
    amountCents: 2_500,
    currency: 'EUR',
    items: [{ sku: 'book', quantity }],
    shipTo,
  })
}

describe('services that run without the others', () => {
  let harness: EventTestHarness | undefined
  afterEach(async () => {
    await harness?.stop()
    harness = undefined
  })

  it('order and payment undo what inventory, which does not run, could not do', async () => {
    harness = await EventTestHarness.start({ services: [order, payment], timeoutMs: 60_000 })
    await harness.publish(received('order-123'))
    await harness.expectEvent(PaymentProcessed)
    await harness.publish(InventoryFailed({ orderId: 'order-123', reason: 'Out of stock' }))
    await harness.expectEvent(PaymentRefunded)
    await harness.expectEvent(OrderCancelled)
    expect(await harness.service('payment').read(charge('order-123'))).toMatchObject({
      state: 'refunded',
      refundedCents: 2_500,
    })
  })

  it('payment charges once, refunds once, and refunds nothing that it declined', async () => {
    harness = await EventTestHarness.start({ services: [payment], timeoutMs: 60_000 })
    await harness.publish(received('o1'))
    await harness.expectEvent(PaymentProcessed, { orderId: 'o1', amountCents: 2_500 })
    await harness.publish(InventoryFailed({ orderId: 'o1', reason: 'none left' }))
    await harness.publish(
      InventoryReleased({ orderId: 'o1', reservationId: uuid, items: [], reason: 'not served' }),
    )
    await harness.expectEvent(PaymentRefunded, { orderId: 'o1', reason: 'none left' })
    await harness.expectNoEvent(PaymentRefunded)

    await harness.publish(received('o2', { cardToken: 'tok_declined' }))
    await harness.expectEvent(PaymentFailed, { orderId: 'o2' })
    await harness.publish(InventoryFailed({ orderId: 'o2', reason: 'none left' }))
    await harness.expectNoEvent(PaymentRefunded)
  })

  it('inventory never reserves what was called off before it was asked for', async () => {
    harness = await EventTestHarness.start({ services: [inventory], timeoutMs: 60_000 })
    await harness.publish(ShippingFailed({ orderId: 'o1', reason: 'not served' }))
    await harness.atRest()
    await harness.publish(processed('o1'))
    await harness.expectNoEvent(InventoryReserved)
    await harness.expectNoEvent(InventoryReleased)
    expect(await stockOf(harness.service('inventory'), 'book')).toMatchObject({ held: 0 })
  })

  it('inventory releases once what it reserved, however often it is told, and does not reserve it again', async () => {
    harness = await EventTestHarness.start({ services: [inventory], timeoutMs: 60_000 })
    await harness.publish(processed('o1'))
    await harness.expectEvent(InventoryReserved, { orderId: 'o1' })
    await harness.publish(ShippingFailed({ orderId: 'o1', reason: 'not served' }))
    await harness.publish(ShippingFailed({ orderId: 'o1', reason: 'not served, again' }))
    await harness.expectEvent(InventoryReleased, { orderId: 'o1', reason: 'not served' })
    await harness.expectNoEvent(InventoryReleased)
    await harness.publish(processed('o1'))
    await harness.expectNoEvent(InventoryReserved)
    expect(await stockOf(harness.service('inventory'), 'book')).toMatchObject({ held: 0 })
  })

  it('shipping schedules what is reserved, and says where it does not go', async () => {
    harness = await EventTestHarness.start({ services: [shipping], timeoutMs: 60_000 })
    const items = [{ sku: 'book', quantity: 2 }]
    await harness.publish(InventoryReserved({ orderId: 'o1', reservationId: uuid, items, shipTo }))
    await harness.publish(
      InventoryReserved({ orderId: 'o2', reservationId: uuid, items, shipTo: { country: 'AQ' } }),
    )
    await harness.expectEvent(ShippingScheduled, { orderId: 'o1' })
    await harness.expectEvent(ShippingFailed, { orderId: 'o2' })
  })

  it('failure 13: order gives up on an inventory that stays silent, and what it answers later is undone', async () => {
    harness = await EventTestHarness.start({
      services: [order, payment, inventory, shipping],
      timeoutMs: 60_000,
      deadlinesMs: { ReservationOverdue: 50 },
    })
    await harness.stopService('inventory')
    const { orderId } = await harness.service('order').decide(placeOrder, orderFor())
    await harness.expectEvent(ReservationOverdue, { orderId })
    await harness.expectEvent(OrderAbandoned, { orderId })
    await harness.expectEvent(OrderCancelled, { orderId, reason: 'no answer from inventory' })
    await harness.expectEvent(PaymentRefunded, { orderId })

    await harness.startService('inventory')
    await harness.atRest()
    expect((await harness.service('order').read(orderStatus(orderId))).state).toBe('cancelled')
    expect(await stockOf(harness.service('inventory'), 'book')).toMatchObject({ held: 0 })
    expect((await harness.service('shipping').read(shipment(orderId))).state).not.toBe('scheduled')
    const { chargedCents, refundedCents } = await harness.service('payment').read(charge(orderId))
    expect(refundedCents).toBe(chargedCents)
    await harness.expectNoEvent(ReservationOverdue)
    await harness.expectNoEvent(OrderCompleted)
  })

  it('failure 13: order gives up on a payment that stays silent, and refunds what is charged later', async () => {
    harness = await EventTestHarness.start({
      services: [order, payment],
      timeoutMs: 60_000,
      deadlinesMs: { OrderOverdue: 50 },
    })
    await harness.stopService('payment')
    const { orderId } = await harness.service('order').decide(placeOrder, orderFor())
    await harness.stopService('order')
    await harness.startService('order')
    await harness.expectEvent(OrderCancelled, { orderId, reason: 'no answer in time' })
    await harness.startService('payment')
    await harness.expectEvent(PaymentProcessed, { orderId })
    await harness.expectEvent(PaymentRefunded, { orderId, reason: 'no answer in time' })
  })

  it('order stays cancelled, whatever arrives later', async () => {
    harness = await EventTestHarness.start({ services: [order], timeoutMs: 60_000 })
    await harness.publish(PaymentFailed({ orderId: 'o1', reason: 'card declined' }))
    await harness.expectEvent(OrderCancelled, { orderId: 'o1' })
    await harness.publish(
      ShippingScheduled({ orderId: 'o1', shipmentId: uuid, deliverByMs: 1_700_000_000_000 }),
    )
    await harness.atRest()
    expect((await harness.service('order').read(orderStatus('o1'))).state).toBe('cancelled')
  })
})
