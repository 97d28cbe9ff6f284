import { describe, it } from '@jest/globals'
import { later, lifted, like, specify } from '@troupe/testing'
import {
  InventoryFailed,
  InventoryReleased,
  InventoryReserved,
  OrderAbandoned,
  OrderReceived,
  PaymentFailed,
  PaymentProcessed,
  PaymentRefunded,
  ReservationOverdue,
} from '@troupe-demo/schemas'
import { charge } from './charge.ts'
import { limitCents } from './limit.ts'
import { payment } from './payment.ts'

const paymentId = '5d1c9a02-7e4b-8f66-a3d8-1b0e9c7f2a54'
const scenario = specify(payment, { ids: { payment: paymentId } })
/** What the gateway says to a charge; a refund makes nothing of it. */
const chargeId = 'ch_000000001'
const { given, when } = scenario.performs({ chargeId })
const declinedFor = (declined: string) => scenario.performs({ declined })

const shipTo = { country: 'DE', city: 'Ulm' }

function received({ totalCents = 2_500, cardToken = 'tok_visa', orderId = 'o1' } = {}) {
  const items = [{ sku: 'book', quantity: 1, priceCents: totalCents }]
  return OrderReceived({ orderId, customerId: 'c1', items, totalCents, cardToken, shipTo, placedAtMs: 0 })
}

const inventoryFailed = InventoryFailed({ orderId: 'o1', reason: 'out of stock: book' })
const inventoryReleased = InventoryReleased({
  orderId: 'o1',
  reservationId: '0b8f7d4e-52a1-8c3e-9d10-6f2a7c1e4b90',
  items: [{ sku: 'book', quantity: 1 }],
  reason: 'address not served: AQ',
})
const abandoned = OrderAbandoned({ orderId: 'o1', reason: 'no answer from inventory' })
const none = { state: 'none', chargedCents: 0, refundedCents: 0, currency: 'EUR' } as const

describe('chargeCard', () => {
  it('charges the total and passes on what was bought and where it goes', () => {
    when(received())
      .then(
        PaymentProcessed({
          orderId: 'o1',
          paymentId,
          amountCents: 2_500,
          items: [{ sku: 'book', quantity: 1 }],
          shipTo,
        }),
      )
      .thenDocument(charge('o1'), { ...none, state: 'charged', chargedCents: 2_500, chargeId })
  })

  it.each([
    ['tok_declined', 'card declined'],
    ['tok_expired', 'card expired'],
    ['tok_no_funds', 'insufficient funds'],
  ])('declines %s as the gateway does: %s', (cardToken, reason) => {
    declinedFor(reason)
      .when(received({ cardToken }))
      .then(PaymentFailed({ orderId: 'o1', reason }))
      .thenDocument(charge('o1'), { ...none, state: 'declined', reason })
  })

  it('charges up to the limit and not a cent more', () => {
    when(received({ totalCents: limitCents })).then(like(PaymentProcessed, { amountCents: limitCents }))
    declinedFor(`over the limit of ${limitCents} cents`)
      .when(received({ totalCents: limitCents + 1 }))
      .then(PaymentFailed({ orderId: 'o1', reason: `over the limit of ${limitCents} cents` }))
      .thenDocument(charge('o1'), {
        ...none,
        state: 'declined',
        reason: `over the limit of ${limitCents} cents`,
      })
  })

  it('charges nothing for an order that costs nothing, and never less than that', () => {
    when(received({ totalCents: 0 })).then(like(PaymentProcessed, { amountCents: 0 }))
    declinedFor('not an amount: -1 cents')
      .when(received({ totalCents: -1 }))
      .then(PaymentFailed({ orderId: 'o1', reason: 'not an amount: -1 cents' }))
  })

  it('charges once for an event that comes twice, and for two events of one order', () => {
    when(received())
      .then(like(PaymentProcessed, {}))
      .whenRedelivered()
      .then()
      .thenOutcome('duplicate')
      .when(received())
      .then()
      .thenOutcome('step-repeated')
      .thenDocument(charge('o1'), { ...none, state: 'charged', chargedCents: 2_500, chargeId })
  })

  it('lets what was declined stay declined', () => {
    declinedFor('card declined')
      .given(received({ cardToken: 'tok_declined' }))
      .when(received())
      .then()
      .thenDocument(charge('o1'), { ...none, state: 'declined', reason: 'card declined' })
  })

  it('charges an order once, also if it comes again as another saga', () => {
    given(received()).when(received(), { saga: 'another' }).then()
  })
})

describe('a silent inventory', () => {
  const overdue = ReservationOverdue({ orderId: 'o1', paymentId })
  const reserved = InventoryReserved({
    orderId: 'o1',
    reservationId: '0b8f7d4e-52a1-8c3e-9d10-6f2a7c1e4b90',
    items: [],
    shipTo,
  })
  const charged = when(received()).then(like(PaymentProcessed, {}), later(overdue, { afterMs: 300_000 }))

  it('is said to be overdue after five minutes, and that alone gives nothing back', () => {
    charged.whenTimePasses(299_999).then().whenTimePasses(1).then(overdue).whenTimePasses(900_000).then()
  })

  it.each([
    ['InventoryReserved', reserved],
    ['InventoryFailed', inventoryFailed],
  ])('is not overdue any more after %s', (_type, answer) => {
    charged.given(answer).whenTimePasses(300_000).then()
  })

  it('is waited for no more when the order is given up', () => {
    charged
      .when(abandoned)
      .then(like(PaymentRefunded, { reason: 'no answer from inventory' }), lifted(ReservationOverdue))
  })

  it('is not waited for where nothing was charged', () => {
    declinedFor('card declined').given(received()).whenTimePasses(900_000).then()
  })

  it('that answers after all changes nothing', () => {
    charged
      .given(abandoned)
      .when(reserved)
      .then()
      .when(inventoryFailed)
      .then()
      .thenOutcome('undo-repeated')
      .when(inventoryReleased)
      .then()
      .thenOutcome('undo-repeated')
  })
})

describe('refundCard', () => {
  it.each([
    ['InventoryFailed', inventoryFailed],
    ['InventoryReleased', inventoryReleased],
    ['OrderAbandoned', abandoned],
  ])('gives all of it back on %s', (_type, event) => {
    const { reason } = event.data
    given(received())
      .when(event)
      .then(PaymentRefunded({ orderId: 'o1', paymentId, amountCents: 2_500, reason }))
      .thenDocument(charge('o1'), {
        ...none,
        state: 'refunded',
        chargedCents: 2_500,
        chargeId,
        refundedCents: 2_500,
        reason,
      })
  })

  it('gives back once, whichever events call for it', () => {
    given(received())
      .given(inventoryFailed)
      .when(inventoryReleased)
      .then()
      .thenOutcome('undo-repeated')
      .when(inventoryFailed)
      .then()
      .thenOutcome('undo-repeated')
  })

  it('gives nothing back where nothing was charged', () => {
    declinedFor('card declined')
      .given(received({ cardToken: 'tok_declined' }))
      .when(inventoryFailed)
      .then()
      .thenOutcome('barred')
      .thenDocument(charge('o1'), { ...none, state: 'declined', reason: 'card declined' })
  })

  it('heard before the order, keeps it from ever being charged', () => {
    when(inventoryFailed)
      .then()
      .thenOutcome('barred')
      .when(received())
      .then()
      .thenOutcome('step-barred')
      .thenDocument(charge('o1'), none)
  })

  it('does not charge again after it gave back', () => {
    given(received()).given(inventoryFailed).when(received()).then().thenOutcome('step-barred')
  })

  it('leaves other orders alone', () => {
    given(received())
      .given(received({ orderId: 'o2' }))
      .when(inventoryFailed)
      .then(like(PaymentRefunded, { orderId: 'o1' }))
      .thenDocument(charge('o2'), { ...none, state: 'charged', chargedCents: 2_500, chargeId })
  })
})
