import { describe, it } from '@jest/globals'
import { later, lifted, like, specify } from '@troupe/testing'
import {
  OrderAbandoned,
  OrderCancelled,
  OrderCompleted,
  OrderOverdue,
  OrderReceived,
  PaymentFailed,
  PaymentRefunded,
  ReservationOverdue,
  ShippingScheduled,
} from '@troupe-demo/schemas'
import { order } from './order.ts'
import type { OrderRequest } from './order-request.ts'
import { historyMax, orderStatus } from './order-status.ts'
import { placeOrder } from './place-order.ts'

const orderId = '3f9a6c1d-8e27-8b50-94c3-a1d2e5f70b68'
const shipmentId = '7c2e1f90-3b5d-8a44-b6e1-0d9f8c7a6b52'
const atMs = 1_000
const { when, whenAsked } = specify(order, { timeMs: atMs, ids: { order: orderId } })

const request: OrderRequest = {
  customerId: 'customer-456',
  items: [
    { sku: 'book', quantity: 2, priceCents: 1_250 },
    { sku: 'pen', quantity: 3, priceCents: 99 },
  ],
  currency: 'EUR',
  cardToken: 'tok_visa',
  shipTo: { country: 'DE', name: '', street: '', city: '', postalCode: '' },
}
const { customerId, items, currency, cardToken, shipTo } = request
const totalCents = 2_797
const details = { customerId, items, totalCents, currency }
const placedEntry = { event: 'OrderReceived', state: 'placed', atMs } as const

const placed = whenAsked(placeOrder, request, { idempotencyKey: 'k' }).then(
  OrderReceived({ orderId, customerId, items, totalCents, currency, cardToken, shipTo, placedAtMs: atMs }),
)
const shippingScheduled = ShippingScheduled({ orderId, shipmentId, deliverByMs: 2_000 })
const paymentFailed = PaymentFailed({ orderId, reason: 'card declined' })
const paymentRefunded = PaymentRefunded({
  orderId,
  paymentId: '5d1c9a02-7e4b-8f66-a3d8-1b0e9c7f2a54',
  amountCents: totalCents,
  reason: 'out of stock: book',
})

describe('placeOrder', () => {
  it('takes the order in, with the total of its lines, and never keeps the card token', () => {
    placed
      .thenAnswers({ orderId, state: 'placed' })
      .thenDocument(orderStatus(orderId), { state: 'placed', details, history: [placedEntry] })
  })

  it('takes one order in for one idempotency key, however often it is asked', () => {
    placed.whenRedelivered().then().thenAnswers({ orderId, state: 'placed' })
    placed
      .when(shippingScheduled)
      .then(OrderCompleted({ orderId, shipmentId }))
      .whenAsked(placeOrder, request, { idempotencyKey: 'k' })
      .then()
      .thenAnswers({ orderId, state: 'placed' })
  })

  it('refuses another order under the same key', () => {
    placed
      .whenAsked(placeOrder, { ...request, customerId: 'customer-789' }, { idempotencyKey: 'k' })
      .thenThrows('TROUPE_IDEMPOTENCY_KEY_REUSED')
  })
})

describe('completeOrder', () => {
  it('ends the order when it is on its way', () => {
    placed
      .at(3_000)
      .when(shippingScheduled)
      .then(OrderCompleted({ orderId, shipmentId }))
      .thenDocument(orderStatus(orderId), {
        state: 'completed',
        details,
        history: [placedEntry, { event: 'ShippingScheduled', state: 'completed', atMs: 3_000 }],
      })
  })

  it('ends an order that was placed elsewhere', () => {
    when(shippingScheduled)
      .then(OrderCompleted({ orderId, shipmentId }))
      .thenDocument(orderStatus(orderId), {
        state: 'completed',
        history: [{ event: 'ShippingScheduled', state: 'completed', atMs }],
      })
  })

  it('says it once', () => {
    placed.given(shippingScheduled).when(shippingScheduled).then()
    when(shippingScheduled).then(OrderCompleted({ orderId, shipmentId })).whenRedelivered().then()
  })
})

describe('cancelOrder', () => {
  it.each([
    ['PaymentFailed', paymentFailed],
    ['PaymentRefunded', paymentRefunded],
  ])('ends the order on %s, with the reason', (event, draft) => {
    const { reason } = draft.data
    placed
      .when(draft)
      .then(OrderCancelled({ orderId, reason }))
      .thenDocument(orderStatus(orderId), {
        state: 'cancelled',
        reason,
        details,
        history: [placedEntry, { event, state: 'cancelled', atMs }],
      })
  })

  it('ends an order that was placed elsewhere', () => {
    when(paymentRefunded).then(OrderCancelled({ orderId, reason: 'out of stock: book' }))
  })

  it('says it once', () => {
    placed.given(paymentFailed).when(paymentFailed).then().when(paymentRefunded).then()
  })
})

describe('abandonOrder', () => {
  const overdue = OrderOverdue({ orderId })
  const reservationOverdue = ReservationOverdue({ orderId, paymentId: paymentRefunded.data.paymentId })

  it('is called for after a quarter of an hour without an end', () => {
    whenAsked(placeOrder, request).then(like(OrderReceived, {}), later(overdue, { afterMs: 900_000 }))
    placed.whenTimePasses(899_999).then().whenTimePasses(1).then(overdue)
  })

  it.each([
    ['ShippingScheduled', shippingScheduled],
    ['PaymentFailed', paymentFailed],
    ['PaymentRefunded', paymentRefunded],
  ])('is not called for any more after %s', (_event, end) => {
    placed.given(end).whenTimePasses(900_000).then()
    placed
      .when(end)
      .then(like(end === shippingScheduled ? OrderCompleted : OrderCancelled, {}), lifted(OrderOverdue))
  })

  it.each([
    ['OrderOverdue', overdue, 'no answer in time'],
    ['ReservationOverdue', reservationOverdue, 'no answer from inventory'],
  ])('cancels the order on %s and calls for every undo', (event, draft, reason) => {
    placed
      .when(draft)
      .then(OrderAbandoned({ orderId, reason }), OrderCancelled({ orderId, reason }))
      .thenDocument(orderStatus(orderId), {
        state: 'cancelled',
        reason,
        details,
        history: [placedEntry, { event, state: 'cancelled', atMs }],
      })
      .when(shippingScheduled)
      .then()
      .when(paymentRefunded)
      .then()
  })

  it('leaves an order alone that has ended', () => {
    placed.given(shippingScheduled).when(overdue).then().when(reservationOverdue).then()
    placed.given(paymentFailed).when(overdue).then()
    placed.given(overdue).when(reservationOverdue).then()
  })
})

describe('an order that has ended', () => {
  it('stays completed, and remembers what came later', () => {
    placed
      .given(shippingScheduled)
      .when(paymentRefunded)
      .then()
      .thenDocument(orderStatus(orderId), {
        state: 'completed',
        details,
        history: [
          placedEntry,
          { event: 'ShippingScheduled', state: 'completed', atMs },
          { event: 'PaymentRefunded', state: 'completed', atMs },
        ],
      })
  })

  it('stays cancelled, for the first reason', () => {
    placed
      .given(paymentFailed)
      .given(paymentRefunded)
      .when(shippingScheduled)
      .then()
      .thenDocument(orderStatus(orderId), {
        state: 'cancelled',
        reason: 'card declined',
        details,
        history: [
          placedEntry,
          { event: 'PaymentFailed', state: 'cancelled', atMs },
          { event: 'PaymentRefunded', state: 'cancelled', atMs },
          { event: 'ShippingScheduled', state: 'cancelled', atMs },
        ],
      })
  })

  it('remembers so much and no more', () => {
    const entry = { event: 'ShippingScheduled', state: 'completed', atMs } as const
    let story = when(shippingScheduled).then(OrderCompleted({ orderId, shipmentId }))
    for (let times = 0; times < historyMax + 5; times++) story = story.when(shippingScheduled).then()
    story.thenDocument(orderStatus(orderId), {
      state: 'completed',
      history: Array.from({ length: historyMax }, () => entry),
    })
  })
})
