import { describe, it } from '@jest/globals'
import { like, specify } from '@troupe/testing'
import {
  InventoryFailed,
  InventoryReleased,
  InventoryReserved,
  OrderAbandoned,
  PaymentProcessed,
  ShippingFailed,
} from '@troupe-demo/schemas'
import { inventory } from './inventory.ts'
import { openingStock, stock } from './stock.ts'

const reservationId = '0b8f7d4e-52a1-8c3e-9d10-6f2a7c1e4b90'
const { given, when } = specify(inventory, { ids: { reservation: reservationId } })

const shipTo = { country: 'DE' }

function paid(...items: readonly { readonly sku: string; readonly quantity: number }[]) {
  return paidFor('o1', ...items)
}

function paidFor(orderId: string, ...items: readonly { readonly sku: string; readonly quantity: number }[]) {
  const paymentId = '5d1c9a02-7e4b-8f66-a3d8-1b0e9c7f2a54'
  return PaymentProcessed({ orderId, paymentId, amountCents: 1_000, items, shipTo })
}

const shippingFailed = ShippingFailed({ orderId: 'o1', reason: 'address not served: AQ' })

describe('reserveStock', () => {
  it('holds what was paid for and passes on where it goes', () => {
    given(stock('book'), { free: 5, held: 1 })
      .when(paid({ sku: 'book', quantity: 2 }))
      .then(
        InventoryReserved({ orderId: 'o1', reservationId, items: [{ sku: 'book', quantity: 2 }], shipTo }),
      )
      .thenDocument(stock('book'), { free: 3, held: 3 })
  })

  it('fails when there is less than was ordered', () => {
    given(stock('book'), { free: 1, held: 0 })
      .when(paid({ sku: 'book', quantity: 2 }))
      .then(InventoryFailed({ orderId: 'o1', reason: 'out of stock: book' }))
      .thenDocument(stock('book'), { free: 1, held: 0 })
  })

  it('gives away the last one', () => {
    given(stock('book'), { free: 1, held: 0 })
      .when(paid({ sku: 'book', quantity: 1 }))
      .then(like(InventoryReserved, {}))
      .thenDocument(stock('book'), { free: 0, held: 1 })
  })

  it('holds all articles of an order or none', () => {
    const stocked = given(stock('book'), { free: 5, held: 0 }).given(stock('pen'), { free: 1, held: 0 })
    stocked
      .when(paid({ sku: 'book', quantity: 1 }, { sku: 'pen', quantity: 2 }))
      .then(InventoryFailed({ orderId: 'o1', reason: 'out of stock: pen' }))
      .thenDocument(stock('book'), { free: 5, held: 0 })
      .thenDocument(stock('pen'), { free: 1, held: 0 })
    stocked
      .when(paid({ sku: 'book', quantity: 1 }, { sku: 'pen', quantity: 1 }))
      .then(like(InventoryReserved, {}))
      .thenDocument(stock('book'), { free: 4, held: 1 })
      .thenDocument(stock('pen'), { free: 0, held: 1 })
  })

  it('adds up several lines of one article', () => {
    const lines = [
      { sku: 'book', quantity: 2 },
      { sku: 'book', quantity: 1 },
    ]
    given(stock('book'), { free: 3, held: 0 })
      .when(paid(...lines))
      .then(like(InventoryReserved, { items: [{ sku: 'book', quantity: 3 }] }))
      .thenDocument(stock('book'), { free: 0, held: 3 })
    given(stock('book'), { free: 2, held: 0 })
      .when(paid(...lines))
      .then(like(InventoryFailed, { reason: 'out of stock: book' }))
  })

  it('starts from the opening stock', () => {
    const opening = openingStock.get('rare-print') ?? 0
    when(paid({ sku: 'rare-print', quantity: opening }))
      .then(like(InventoryReserved, {}))
      .thenDocument(stock('rare-print'), { free: 0, held: opening })
  })

  it('takes an article that it does not know for one that is out of stock', () => {
    for (const sku of ['unheard-of', '__proto__', 'constructor']) {
      when(paid({ sku, quantity: 1 })).then(
        InventoryFailed({ orderId: 'o1', reason: `out of stock: ${sku}` }),
      )
    }
  })

  it('refuses a quantity that would add to the stock, or make room for another line', () => {
    for (const quantity of [0, -3]) {
      given(stock('book'), { free: 1, held: 0 })
        .when(paid({ sku: 'book', quantity: 4 }, { sku: 'book', quantity }))
        .then(InventoryFailed({ orderId: 'o1', reason: `not a quantity: ${quantity} of book` }))
        .thenDocument(stock('book'), { free: 1, held: 0 })
    }
  })

  it('lets the second of two orders for the last copy go short', () => {
    given(stock('book'), { free: 1, held: 0 })
      .given(paidFor('o1', { sku: 'book', quantity: 1 }))
      .when(paidFor('o2', { sku: 'book', quantity: 1 }))
      .then(InventoryFailed({ orderId: 'o2', reason: 'out of stock: book' }))
  })

  it('holds once for an event that comes twice, and for two events of one order', () => {
    given(stock('book'), { free: 5, held: 0 })
      .given(paid({ sku: 'book', quantity: 1 }), { id: 'paid' })
      .when(paid({ sku: 'book', quantity: 1 }), { id: 'paid' })
      .then()
      .thenOutcome('duplicate')
      .when(paid({ sku: 'book', quantity: 1 }), { id: 'paid-again' })
      .then()
      .thenOutcome('step-repeated')
      .thenDocument(stock('book'), { free: 4, held: 1 })
  })
})

describe('releaseStock', () => {
  const order = paid({ sku: 'book', quantity: 2 }, { sku: 'pen', quantity: 1 }, { sku: 'book', quantity: 1 })
  const stocked = given(stock('book'), { free: 5, held: 1 }).given(stock('pen'), { free: 1, held: 0 })

  it('gives back exactly what was held, and says why', () => {
    const items = [
      { sku: 'book', quantity: 3 },
      { sku: 'pen', quantity: 1 },
    ]
    stocked
      .given(order)
      .when(shippingFailed)
      .then(InventoryReleased({ orderId: 'o1', reservationId, items, reason: 'address not served: AQ' }))
      .thenDocument(stock('book'), { free: 5, held: 1 })
      .thenDocument(stock('pen'), { free: 1, held: 0 })
  })

  it('gives back once', () => {
    stocked
      .given(order)
      .given(shippingFailed)
      .when(shippingFailed)
      .then()
      .thenOutcome('undo-repeated')
      .thenDocument(stock('book'), { free: 5, held: 1 })
  })

  it('gives nothing back where nothing was held', () => {
    given(stock('book'), { free: 0, held: 1 })
      .given(paid({ sku: 'book', quantity: 1 }))
      .when(shippingFailed)
      .then()
      .thenOutcome('barred')
      .thenDocument(stock('book'), { free: 0, held: 1 })
  })

  it('heard before the payment, keeps the order from ever being held', () => {
    stocked
      .when(shippingFailed)
      .then()
      .when(order)
      .then()
      .thenOutcome('step-barred')
      .thenDocument(stock('book'), { free: 5, held: 1 })
  })

  it('gives back what order has given up on, also where the stock was held too late', () => {
    const abandoned = OrderAbandoned({ orderId: 'o1', reason: 'no answer from inventory' })
    stocked
      .given(order)
      .when(abandoned)
      .then(like(InventoryReleased, { orderId: 'o1', reason: 'no answer from inventory' }))
      .thenDocument(stock('book'), { free: 5, held: 1 })
    stocked.given(abandoned).when(order).then().thenOutcome('step-barred')
  })

  it('leaves other orders alone', () => {
    stocked
      .given(order)
      .given(paidFor('o2', { sku: 'book', quantity: 1 }))
      .when(shippingFailed)
      .then(like(InventoryReleased, { orderId: 'o1' }))
      .thenDocument(stock('book'), { free: 4, held: 2 })
  })
})
