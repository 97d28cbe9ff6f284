import { describe, it } from '@jest/globals'
import { like, specify } from '@troupe/testing'
import {
  InventoryReserved,
  OrderAbandoned,
  ShippingCancelled,
  ShippingFailed,
  ShippingScheduled,
} from '@troupe-demo/schemas'
import { shipment } from './shipment.ts'
import { shipping } from './shipping.ts'

const shipmentId = '7c2e1f90-3b5d-8a44-b6e1-0d9f8c7a6b52'
const timeMs = Date.UTC(2026, 0, 1)
const tomorrowMs = Date.UTC(2026, 0, 2)
const { given, when } = specify(shipping, { timeMs, ids: { shipment: shipmentId } })

function reserved(country: string) {
  const reservationId = '0b8f7d4e-52a1-8c3e-9d10-6f2a7c1e4b90'
  return InventoryReserved({
    orderId: 'o1',
    reservationId,
    items: [{ sku: 'book', quantity: 1 }],
    shipTo: { country },
  })
}

describe('scheduleShipment', () => {
  it('books a shipment to a country that is served', () => {
    when(reserved('DE'))
      .then(ShippingScheduled({ orderId: 'o1', shipmentId, deliverByMs: tomorrowMs }))
      .thenDocument(shipment('o1'), {
        state: 'scheduled',
        shipmentId,
        country: 'DE',
        deliverByMs: tomorrowMs,
      })
  })

  it('fails for a country that is not served', () => {
    const reason = 'address not served: AQ'
    when(reserved('AQ'))
      .then(ShippingFailed({ orderId: 'o1', reason }))
      .thenDocument(shipment('o1'), { state: 'refused', country: 'AQ', reason })
  })

  it('takes what is no country for one that is not served', () => {
    when(reserved('')).then(ShippingFailed({ orderId: 'o1', reason: 'address not served: no country' }))
    when(reserved('de')).then(ShippingFailed({ orderId: 'o1', reason: 'address not served: de' }))
    when(reserved('constructor')).then(
      ShippingFailed({ orderId: 'o1', reason: 'address not served: constructor' }),
    )
  })

  it('ships an order once, whatever comes twice', () => {
    given(reserved('DE')).when(reserved('DE')).then().when(reserved('AQ')).then()
    given(reserved('AQ')).when(reserved('DE')).then()
    when(reserved('DE'))
      .then(ShippingScheduled({ orderId: 'o1', shipmentId, deliverByMs: tomorrowMs }))
      .whenRedelivered()
      .then()
      .thenOutcome('duplicate')
  })
})

describe('cancelShipment', () => {
  const reason = 'no answer in time'
  const abandoned = OrderAbandoned({ orderId: 'o1', reason })

  it('calls a shipment off, once', () => {
    given(reserved('DE'))
      .when(abandoned)
      .then(ShippingCancelled({ orderId: 'o1', shipmentId, reason }))
      .thenDocument(shipment('o1'), { state: 'cancelled', shipmentId, country: 'DE', reason })
      .when(abandoned)
      .then()
      .thenOutcome('undo-repeated')
      .when(reserved('DE'))
      .then()
      .thenOutcome('step-barred')
  })

  it('heard before the goods are held, keeps the order from ever being shipped', () => {
    when(abandoned).then().thenOutcome('barred').when(reserved('DE')).then().thenOutcome('step-barred')
  })

  it('calls nothing off where nothing was booked', () => {
    given(reserved('AQ')).when(abandoned).then().thenOutcome('barred')
    given(reserved('DE')).when(reserved('DE')).then()
    when(reserved('FR')).then(like(ShippingScheduled, {}))
  })
})
