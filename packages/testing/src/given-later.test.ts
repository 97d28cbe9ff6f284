import { describe, expect, it } from '@jest/globals'
import { command, reaction, service } from '@troupe/core'
import {
  InventoryFailed,
  InventoryReleased,
  InventoryReserved,
  PaymentProcessed,
  ShippingFailed,
  ShippingScheduled,
} from '@troupe-demo/schemas'
import { specify } from './given.ts'
import { later, lifted } from './given-later.ts'
import { like } from './given-like.ts'

const reservationId = '00000000-0000-8000-8000-000000000001'
const reserve = reaction({
  on: PaymentProcessed,
  emits: [InventoryReserved],
  deadline: {
    from: InventoryReserved,
    afterMs: 60_000,
    emit: InventoryFailed,
    data: ({ orderId }) => ({ orderId, reason: 'nobody ships it' }),
    liftedBy: [ShippingScheduled],
  },
  react({ data: { orderId, items, shipTo } }, { emit, id }) {
    emit(InventoryReserved, { orderId, reservationId: id('reservation'), items, shipTo })
  },
})
const remind = reaction({
  on: ShippingFailed,
  emits: [InventoryReleased],
  react({ data: { orderId, reason } }, { schedule, lift }) {
    if (reason === 'never mind') return lift('release')
    const data = { orderId, reservationId, items: [], reason }
    schedule(InventoryReleased, data, { atMs: Date.UTC(2026, 0, 2), name: 'release' })
  },
})
const forget = command({
  emits: [],
  react: ({ orderId }: { orderId: string }, { lift }) => lift('release', orderId),
})
const inventory = service({ name: 'inventory', reactions: { reserve, remind }, commands: { forget } })
const { when } = specify(inventory, { ids: { reservation: reservationId } })

const paid = PaymentProcessed({
  orderId: 'o1',
  paymentId: '00000000-0000-8000-8000-000000000002',
  amountCents: 100,
  items: [],
  shipTo: { country: 'DE' },
})
const shipped = ShippingScheduled({
  orderId: 'o1',
  shipmentId: '00000000-0000-8000-8000-000000000003',
  deliverByMs: 0,
})
const overdue = InventoryFailed({ orderId: 'o1', reason: 'nobody ships it' })
const notShipped = ShippingFailed({ orderId: 'o1', reason: 'no road' })
const released = InventoryReleased({ orderId: 'o1', reservationId, items: [], reason: 'no road' })
const dayMs = 86_400_000

describe('a story of a deadline', () => {
  it('says when it begins, lets time pass, and says what is due', () => {
    when(paid)
      .then(like(InventoryReserved, {}), later(overdue, { afterMs: 60_000 }))
      .whenTimePasses(59_999)
      .then()
      .whenTimePasses(1)
      .then(overdue)
      .whenTimePasses(dayMs)
      .then()
  })

  it('says that it is lifted, and then nothing is due', () => {
    when(paid)
      .then(like(InventoryReserved, {}))
      .when(shipped)
      .then(lifted(InventoryFailed))
      .thenOutcome('applied')
      .whenTimePasses(dayMs)
      .then()
  })

  it('leaves the deadline as it is when its cause is redelivered', () => {
    when(paid).then(like(InventoryReserved, {})).whenRedelivered().then().whenTimePasses(60_000).then(overdue)
  })

  it('compares part of what is said later as well', () => {
    when(paid).then(
      like(InventoryReserved, {}),
      later(like(InventoryFailed, { orderId: 'o1' }), { afterMs: 60_000 }),
    )
  })
})

describe('a story of a scheduled event', () => {
  const told = when(notShipped).then(later(released, { atMs: Date.UTC(2026, 0, 2), name: 'release' }))

  it('is emitted at its time', () => {
    told.whenTimePasses(dayMs).then(released)
  })

  it('is lifted by its name, by a reaction or a command', () => {
    const never = ShippingFailed({ orderId: 'o1', reason: 'never mind' })
    told.when(never).then(lifted('release')).whenTimePasses(dayMs).then()
    told.whenAsked(forget, { orderId: 'o1' }).then(lifted('release')).whenTimePasses(dayMs).then()
    told.whenAsked(forget, { orderId: 'o2' }).then().whenTimePasses(dayMs).then(released)
  })
})

describe('a story that does not hold', () => {
  it.each([
    ['another time', () => when(paid).then(like(InventoryReserved, {}), later(overdue, { afterMs: 1 }))],
    ['a deadline that is not lifted', () => when(notShipped).then(lifted(InventoryFailed))],
    [
      'a lift beside another',
      () => when(paid).then(like(InventoryReserved, {})).when(shipped).then(lifted('other')),
    ],
    [
      'silence where something is due',
      () => when(paid).then(like(InventoryReserved, {})).whenTimePasses(60_000).then(),
    ],
  ])('says what differs: %s', (_what, story) => {
    expect(story).toThrow(/inventory, .* (scheduled|lifted|emitted) other/)
  })
})
