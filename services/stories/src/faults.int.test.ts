import { afterAll, afterEach, describe, expect, it } from '@jest/globals'
import { deadLetterHeaders, headerNames } from '@troupe/core'
import { startGateway } from '@troupe-demo/gateway'
import { inventory, openingStock, stockOf } from '@troupe-demo/inventory'
import { order, orderStatus, placeOrder } from '@troupe-demo/order'
import { charge, gatewayAt, paymentThrough } from '@troupe-demo/payment'
import {
  InventoryFailed,
  InventoryReserved,
  OrderAbandoned,
  OrderCancelled,
  OrderCompleted,
  OrderReceived,
  PaymentFailed,
  PaymentProcessed,
  PaymentRefunded,
} from '@troupe-demo/schemas'
import { shipping } from '@troupe-demo/shipping'
import { EventTestHarness } from '@troupe/testing'
import { orderFor } from './orders.ts'

const gateway = await startGateway()
const payment = paymentThrough(gatewayAt(gateway.url))
afterAll(() => gateway.stop())

const uuid = '0190b1c0-0000-7000-8000-000000000001'

function received(orderId: string) {
  return OrderReceived({
    orderId,
    customerId: 'customer-456',
    items: [{ sku: 'book', quantity: 2, priceCents: 1_250 }],
    totalCents: 2_500,
    cardToken: 'tok_visa',
    shipTo: { country: 'DE' },
    placedAtMs: 1_700_000_000_000,
  })
}

function processed(orderId: string, quantity: number) {
  return PaymentProcessed({
    orderId,
    paymentId: uuid,
    amountCents: 2_500,
    currency: 'EUR',
    items: [{ sku: 'book', quantity }],
    shipTo: { country: 'DE' },
  })
}

/** Asks until it is so. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 60_000
  while (!(await isSo())) {
    if (performance.now() > untilMs) throw new Error(`Not so within 60 s: ${isSo.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('when things go wrong', () => {
  let harness: EventTestHarness | undefined
  afterEach(async () => {
    await harness?.stop()
    harness = undefined
  })

  it('an event that is published twice under one id has one effect', async () => {
    harness = await EventTestHarness.start({ services: [inventory], timeoutMs: 60_000 })
    await harness.publish(processed('o1', 3), { id: 'same' })
    await harness.publish(processed('o1', 3), { id: 'same' })
    await harness.expectEvent(InventoryReserved)
    await harness.expectNoEvent(InventoryReserved)
    expect(await stockOf(harness.service('inventory'), 'book')).toEqual({
      free: (openingStock.get('book') ?? 0) - 3,
      held: 3,
    })
  })

  it('a service that is restarted in the middle of a burst does everything once', async () => {
    harness = await EventTestHarness.start({
      services: [order, payment, inventory, shipping],
      timeoutMs: 60_000,
    })
    const running = harness.service('order')
    const placing = Array.from({ length: 40 }, () => running.decide(placeOrder, orderFor()))
    await harness.expectEvent(PaymentProcessed)
    await harness.stopService('payment')
    await harness.startService('payment')
    const orderIds = (await Promise.all(placing)).map((placed) => placed.orderId)
    await harness.atRest()
    for (const orderId of orderIds) await harness.expectEvent(OrderCompleted, { orderId })
    await harness.expectNoEvent(OrderCompleted)
    expect(await stockOf(harness.service('inventory'), 'book')).toMatchObject({ held: 80 })
  })

  it('a gateway that is out of order keeps those who need it, and nobody else; then each order is charged once', async () => {
    harness = await EventTestHarness.start({ services: [payment], timeoutMs: 60_000, partitions: 1 })
    const running = harness.service('payment')
    const orderIds = Array.from({ length: 12 }, (_, n) => `parked-${n}`)
    // Money is taken, and nobody hears of it.
    gateway.behave({ is: 'dropping' })
    for (const orderId of orderIds) await harness.publish(received(orderId))
    await until(() => running.status().parked.paused === orderIds.length)
    // Now and then it tries one call, and is half open.
    await until(() => {
      const { isReady, breakers } = running.status()
      return isReady && breakers['chargeCard'] === 'open'
    })
    await harness.publish(OrderAbandoned({ orderId: 'elsewhere', reason: 'no answer' }))
    for (const orderId of orderIds.slice(0, 4)) await harness.publish(received(orderId))
    // Passed, and not set aside: it needs no call. Those behind a key that waits do wait.
    await until(async () => (await running.progress()).some(({ next }) => (next ?? 0n) >= 17n))
    expect(running.status().parked).toMatchObject({ keys: 12, events: 16 })

    gateway.behave({ is: 'well' })
    for (const orderId of orderIds) await harness.expectEvent(PaymentProcessed, { orderId })
    await harness.expectNoEvent(PaymentProcessed)
    expect(running.status()).toMatchObject({ breakers: { chargeCard: 'closed' }, parked: { keys: 0 } })
    expect(harness.seen().filter(({ topic }) => topic === 'payment.dlq')).toEqual([])
    const answer = await fetch(`${gateway.url}/charges?limit=100`)
    const { items } = (await answer.json()) as { items: { order: string; chargedCents: number }[] }
    const charged = items.filter(({ order: name }) => name.startsWith('parked-'))
    expect(charged.map(({ order: name }) => name).toSorted()).toEqual(orderIds.toSorted())
    expect(new Set(charged.map(({ chargedCents }) => chargedCents))).toEqual(new Set([2_500]))
  })

  it('failure 11: money that was taken, and nobody heard of, comes back when its order is called off meanwhile', async () => {
    harness = await EventTestHarness.start({ services: [payment], timeoutMs: 60_000, partitions: 1 })
    const running = harness.service('payment')
    gateway.behave({ is: 'dropping' })
    await harness.publish(received('taken'))
    await until(() => running.status().parked.paused === 1)
    // It is not called for: the breaker is open.
    await harness.publish(received('untaken'))
    await until(() => running.status().parked.paused === 2)
    for (const orderId of ['taken', 'untaken'])
      await harness.publish(InventoryFailed({ orderId, reason: 'out of stock' }))
    const read = async (topic: string) =>
      (await running.progress()).find((one) => one.topic === topic && one.partition === 0)?.next ?? 0n
    await until(async () => (await read(InventoryFailed.topic)) >= 2n)
    expect(running.status().parked).toMatchObject({ keys: 2, paused: 2 })

    gateway.behave({ is: 'well' })
    await harness.expectEvent(PaymentProcessed, { orderId: 'taken' })
    await harness.expectEvent(PaymentRefunded, { orderId: 'taken', reason: 'out of stock' })
    await until(() => running.status().parked.keys === 0)
    await harness.expectNoEvent(PaymentProcessed)
    await harness.expectNoEvent(PaymentRefunded)
    expect(harness.seen().filter(({ topic }) => topic === 'payment.dlq')).toEqual([])
    const answer = await fetch(`${gateway.url}/charges?limit=100`)
    const { items } = (await answer.json()) as { items: { order: string }[] }
    expect(items.filter(({ order: name }) => ['taken', 'untaken'].includes(name))).toMatchObject([
      { order: 'taken', chargedCents: 2_500, refundedCents: 2_500 },
    ])
  })

  it('bytes that are no event go to the dead letters untouched, and the partition flows on', async () => {
    harness = await EventTestHarness.start({ services: [payment], timeoutMs: 60_000, partitions: 1 })
    const { topic } = OrderReceived
    const headers = {
      [headerNames.type]: 'OrderReceived',
      [headerNames.id]: 'x',
      [headerNames.source]: 'order',
      'their-own': 'kept',
    }
    const garbage = Buffer.from('not avro at all')
    await harness.publishRaw({ topic, key: 'o1', headers, value: garbage })
    await harness.publishRaw({ topic, key: 'o1', headers, value: Buffer.from([0, 0, 0]) })
    await harness.publishRaw({
      topic,
      key: 'o1',
      headers,
      value: Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 1]),
    })
    await harness.publishRaw({ topic, key: 'o1', headers, value: null })
    await harness.publish(received('o2'))
    await harness.expectEvent(PaymentProcessed, { orderId: 'o2' })
    await harness.atRest()

    const letters = harness.seen().filter((seen) => seen.topic === 'payment.dlq')
    expect(letters.map(({ record }) => String(record.headers[deadLetterHeaders.code]))).toEqual([
      'TROUPE_WIRE_FORMAT_FOREIGN',
      'TROUPE_WIRE_FORMAT_TRUNCATED',
      'TROUPE_SCHEMA_ID_UNKNOWN',
      'TROUPE_WIRE_FORMAT_TRUNCATED',
    ])
    const [letter] = letters
    expect(Buffer.from(letter?.record.value ?? [])).toEqual(garbage)
    expect(Buffer.from(letter?.record.key ?? []).toString()).toBe('o1')
    expect(String(letter?.record.headers['their-own'])).toBe('kept')
  })

  it('an order whose end is told before anybody placed it ends once, and stays as it ended', async () => {
    harness = await EventTestHarness.start({ services: [order, payment], timeoutMs: 60_000 })
    await harness.publish(PaymentFailed({ orderId: 'o1', reason: 'card declined' }))
    await harness.expectEvent(OrderCancelled, { orderId: 'o1' })
    await harness.publish(received('o1'))
    await harness.expectEvent(PaymentProcessed, { orderId: 'o1' })
    await harness.publish(
      PaymentRefunded({
        orderId: 'o1',
        paymentId: uuid,
        amountCents: 2_500,
        currency: 'EUR',
        reason: 'late',
      }),
    )
    await harness.expectNoEvent(OrderCancelled)
    expect(await harness.service('order').read(orderStatus('o1'))).toMatchObject({
      state: 'cancelled',
      reason: 'card declined',
    })
  })

  it('an order that is received twice, under two ids, is declined once and ends once', async () => {
    harness = await EventTestHarness.start({ services: [order, payment], timeoutMs: 60_000 })
    const { orderId } = await harness
      .service('order')
      .decide(placeOrder, orderFor({ cardToken: 'tok_declined' }))
    await harness.expectEvent(OrderCancelled, { orderId })
    await harness.publish(received(orderId))
    await harness.expectNoEvent(OrderCancelled)
    await harness.expectNoEvent(PaymentProcessed)
    expect((await harness.service('payment').read(charge(orderId))).state).toBe('declined')
  })

  it('a text that a database would choke on is stored and given back as it came', async () => {
    harness = await EventTestHarness.start({ services: [order, payment], timeoutMs: 60_000 })
    const reason = 'NUL \0 and a mask \u{1F3AD}'
    await harness.publish(received('o1'))
    await harness.expectEvent(PaymentProcessed, { orderId: 'o1' })
    await harness.publish(InventoryFailed({ orderId: 'o1', reason }))
    await harness.expectEvent(OrderCancelled, { orderId: 'o1', reason })
    expect((await harness.service('payment').read(charge('o1'))).reason).toBe(reason)
    expect((await harness.service('order').read(orderStatus('o1'))).reason).toBe(reason)
  })
})

describe('expectations that are not met', () => {
  it('say what was seen instead, in order', async () => {
    const harness = await EventTestHarness.start({ services: [payment], timeoutMs: 60_000 })
    try {
      await harness.publish(received('o1'))
      await harness.expectEvent(OrderReceived)
      await harness.expectEvent(PaymentProcessed)
      // Topics are read side by side: any of the two may have been the first.
      const seen = harness.seen().map(({ description }) => description)
      expect(seen.toSorted()).toEqual([
        expect.stringMatching(/^OrderReceived by order, saga o1: /),
        expect.stringMatching(/^PaymentProcessed by payment, saga o1: /),
      ])
      const failure = harness.expectEvent(PaymentProcessed, { orderId: 'o2' }, { timeoutMs: 50 })
      await expect(failure).rejects.toThrow(
        /PaymentProcessed with \{ orderId: 'o2' \} did not come within 50 ms/,
      )
      await expect(failure).rejects.toThrow(seen.map((line, index) => `  ${index + 1}. ${line}`).join('\n'))
    } finally {
      await harness.stop()
    }
  })

  it('fail a test that expects nothing and gets something', async () => {
    const harness = await EventTestHarness.start({ services: [payment], timeoutMs: 60_000 })
    try {
      await harness.publish(received('o1'))
      await expect(harness.expectNoEvent(PaymentProcessed)).rejects.toThrow(
        /PaymentProcessed was not to come, but came/,
      )
    } finally {
      await harness.stop()
    }
  })
})
