import { describe, expect, it } from '@jest/globals'
import { type Event, type Reaction, reaction, type Service, service } from '@troupe/core'
import { openingStock } from '@troupe-demo/inventory'
import { inventory, stock } from '@troupe-demo/inventory/on-documents'
import { order, type OrderRequest, orderStatus } from '@troupe-demo/order'
import { charge, payment } from '@troupe-demo/payment'
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
  ShippingFailed,
  ShippingScheduled,
} from '@troupe-demo/schemas'
import { shipment, shipping } from '@troupe-demo/shipping'
import { gatewayAnswer } from './gateway-answer.test.kit.ts'
import { declinedCard, notServed, orderFor, outOfStock, overTheLimit } from './orders.ts'
import { exploreSaga, type SagaOptions, type SagaSpace, type SagaState } from './saga-space.test.kit.ts'

const story = [order, payment, inventory, shipping]
const uuid = '0190b1c0-0000-7000-8000-000000000001'

const kinds: readonly (readonly [string, Partial<OrderRequest>, 'completed' | 'cancelled'])[] = [
  ['a good order', {}, 'completed'],
  ['a declined card', declinedCard, 'cancelled'],
  ['an order over the limit', overTheLimit, 'cancelled'],
  ['an order that is out of stock', outOfStock, 'cancelled'],
  ['an address that is not served', notServed, 'cancelled'],
]

function explore(change: Partial<OrderRequest>, options: Partial<SagaOptions> = {}): SagaSpace {
  const input = orderFor(change)
  return exploreSaga({
    services: story,
    begin: { service: 'order', command: 'placeOrder', input },
    judge: (seen) => conserved(seen, input),
    outside: gatewayAnswer,
    ...options,
  })
}

/** In every state: money and stock are somewhere, and the saga ends once at most. */
function conserved({ saga, read, said }: SagaState, { items }: OrderRequest): string | undefined {
  const { chargedCents, refundedCents } = read('payment', charge(saga))
  if (refundedCents < 0 || refundedCents > chargedCents)
    return `${refundedCents} of ${chargedCents} cents were refunded`
  for (const { sku } of items) {
    const { free, held } = read('inventory', stock(sku))
    if (held < 0 || free < 0 || free + held !== openingStock.get(sku))
      return `of ${sku}, ${free} are free and ${held} held`
  }
  const ends = said('OrderCompleted') + said('OrderCancelled')
  return ends > 1 ? `the saga ended ${ends} times` : undefined
}

/** At rest: the saga ended as it had to, and what was charged and held is what its end says. */
function ended(seen: SagaState, input: OrderRequest, end: 'completed' | 'cancelled'): string | undefined {
  if (!seen.isAtRest) return undefined
  const { saga, read, said } = seen
  const isCompleted = end === 'completed'
  if (said('OrderCompleted') !== (isCompleted ? 1 : 0) || said('OrderCancelled') !== (isCompleted ? 0 : 1))
    return `the saga did not end ${end}`
  const { state } = read('order', orderStatus(saga))
  if (state !== end) return `the order is ${state}`
  const { chargedCents, refundedCents } = read('payment', charge(saga))
  const total = input.items.reduce((sum, { quantity, priceCents }) => sum + quantity * priceCents, 0)
  if (chargedCents - refundedCents !== (isCompleted ? total : 0))
    return `${chargedCents} cents were charged and ${refundedCents} refunded`
  for (const { sku, quantity } of input.items) {
    const { held } = read('inventory', stock(sku))
    if (held !== (isCompleted ? quantity : 0)) return `${held} of ${sku} are held`
  }
  return undefined
}

/** What was done last is undone first. */
function reversed({ said }: SagaState): string | undefined {
  const isHeld = said('InventoryReserved') > said('InventoryReleased')
  return isHeld && said('PaymentRefunded') > 0
    ? 'the money went back before the stock was released'
    : undefined
}

/** The order is what it was, whatever became of anything else. */
function stayedCancelled({ saga, read, said }: SagaState): string | undefined {
  const { state } = read('order', orderStatus(saga))
  if (said('OrderCancelled') === 0 || (state === 'cancelled' && said('OrderCompleted') === 0))
    return undefined
  return `the order was cancelled and is ${state}`
}

/** What calls for an undo, although nobody in this saga has failed, or not yet. */
const callsForUndo = (orderId: string) => [
  InventoryFailed({ orderId, reason: 'out of the blue' }),
  ShippingFailed({ orderId, reason: 'out of the blue' }),
  InventoryReleased({ orderId, reservationId: uuid, items: [], reason: 'out of the blue' }),
]

describe('every order in which the events of a saga can come, each once or twice', () => {
  it.each(kinds)(
    'ends %s once, as it has to, with money and stock where they belong',
    (kind, change, end) => {
      const input = orderFor(change)
      const judge = (seen: SagaState) => conserved(seen, input) ?? reversed(seen) ?? ended(seen, input, end)
      const space = explore(change, { judge })
      expect(space.wrong).toBeUndefined()
      expect(space.restingStates).toBeGreaterThan(0)
      say(kind, space)
    },
  )

  it.each(kinds)(
    'failure 10: with calls for an undo out of the blue, undoes %s never before it was done, never twice, and does nothing after that',
    (kind, change) => {
      const space = explore(change, { strays: callsForUndo, straysMax: 2 })
      expect(space.wrong).toBeUndefined()
      say(`${kind}, strays`, space)
    },
  )
})

/** At rest: one end, whichever; and money, stock and the shipment are where it says. Nobody waits for what is over. */
function endedOneWay(seen: SagaState, input: OrderRequest): string | undefined {
  if (!seen.isAtRest) return undefined
  const { saga, read, said, pending } = seen
  const end = said('OrderCompleted') > 0 ? 'completed' : 'cancelled'
  const isShipped = read('shipping', shipment(saga)).state === 'scheduled'
  if (isShipped !== (end === 'completed')) return `the order is ${end}, and shipped is ${isShipped}`
  if (pending.length > 0) return `${pending.join(', ')} is waited for although the saga is ${end}`
  return ended(seen, input, end)
}

describe('every moment in which somebody may have waited long enough', () => {
  it.each(kinds)(
    'failure 13: ends %s one way, and late answers change nothing that they should not',
    (kind, change, end) => {
      const input = orderFor(change)
      const judge = (seen: SagaState) => conserved(seen, input) ?? endedOneWay(seen, input)
      const space = explore(change, { judge, meetsDeadlines: true, deliveriesMax: 1 })
      expect(space.wrong).toBeUndefined()
      say(`${kind}, deadlines, ${end} in time`, space)
    },
  )

  it('finds a refund that does not ask how the order ended', () => {
    const chargeCard = stepOf(payment)
    const refund = payment.reactions.get('OrderAbandoned')?.reaction ?? chargeCard
    const hasty: Reaction = {
      ...refund,
      on: [InventoryFailed, InventoryReleased, OrderAbandoned, ReservationOverdue],
      react: (event: Event, context: never) =>
        refund.react?.({ ...event, data: { reason: 'no answer', ...event.data } } as never, context),
    }
    const planted = service({ name: 'payment', reactions: { chargeCard, hasty } })
    const input = orderFor()
    const judge = (seen: SagaState) => endedOneWay(seen, input)
    const { wrong } = explore(
      {},
      { services: instead(planted), judge, meetsDeadlines: true, deliveriesMax: 1 },
    )
    expect(wrong?.what).toBe('2500 cents were charged and 2500 refunded')
  })
})

describe('a saga that was cancelled', () => {
  it.each(kinds.filter(([, , end]) => end === 'cancelled'))(
    'after %s, stays cancelled and as it is, whatever arrives later',
    (kind, change, end) => {
      const input = orderFor(change)
      // Where nobody was charged, a payment out of the blue is not late but the first one: it holds stock.
      const wasPaid = change === outOfStock || change === notServed
      const space = explore(change, {
        deliveriesMax: 1,
        strays: (orderId) => anything(orderId, input),
        straysMax: 2,
        straysFrom: ({ said }) => said('OrderCancelled') > 0,
        judge: (seen) =>
          conserved(seen, input) ?? stayedCancelled(seen) ?? (wasPaid ? ended(seen, input, end) : undefined),
      })
      expect(space.wrong).toBeUndefined()
      say(`${kind}, late events`, space)
    },
  )
})

/** An event of every type that some service hears, of this saga and with its data, as its owner might say it. */
function anything(orderId: string, { items, shipTo }: OrderRequest) {
  const reason = 'late'
  const pieces = items.map(({ sku, quantity }) => ({ sku, quantity }))
  const paid = { paymentId: uuid, amountCents: 2_500, currency: 'EUR' }
  return [
    OrderReceived({ ...orderFor(), orderId, items, shipTo, totalCents: 2_500, placedAtMs: 0 }),
    PaymentProcessed({ orderId, ...paid, items: pieces, shipTo }),
    PaymentFailed({ orderId, reason }),
    InventoryReserved({ orderId, reservationId: uuid, items: pieces, shipTo }),
    InventoryFailed({ orderId, reason }),
    ShippingScheduled({ orderId, shipmentId: uuid, deliverByMs: 1 }),
    ShippingFailed({ orderId, reason }),
    InventoryReleased({ orderId, reservationId: uuid, items: pieces, reason }),
    PaymentRefunded({ orderId, ...paid, reason }),
  ]
}

describe('the search', () => {
  const held = { sku: 'book', quantity: 2 }

  it('finds an undo that asks nobody whether its step was done', () => {
    const unchecked = reaction({
      on: ShippingFailed,
      emits: [InventoryReleased],
      reads: () => [stock(held.sku)],
      react({ data: { orderId, reason } }, { get, put, emit }) {
        const before = get(stock(held.sku))
        put(stock(held.sku), { free: before.free + held.quantity, held: before.held - held.quantity })
        emit(InventoryReleased, { orderId, reservationId: uuid, items: [held], reason })
      },
    })
    const planted = service({ name: 'inventory', reactions: { reserveStock: stepOf(inventory), unchecked } })
    const { wrong } = explore({}, { services: instead(planted), strays: callsForUndo, straysMax: 1 })
    expect(wrong?.what).toMatch(/^of book, \d+ are free and -2 held$/)
    expect(wrong?.after.at(-1)).toBe('inventory hears a stray ShippingFailed')
  })

  it('finds an undo that leaves no bar behind', () => {
    // It looks for its step under a name under which none is kept.
    const reactions = new Map(inventory.reactions)
    const found = reactions.get('ShippingFailed')
    if (!found) throw new Error('Inventory does not hear ShippingFailed.')
    const forgetful = { ...found, step: 'nowhere' }
    for (const { type } of found.reaction.on) reactions.set(type, forgetful)
    const planted: Service = { ...inventory, reactions }
    const { wrong } = explore({}, { services: instead(planted), strays: callsForUndo, straysMax: 1 })
    expect(wrong?.what).toBe('InventoryReserved was said after it had been called off')
  })

  it('finds a saga that does not end, because an undo no longer hears who failed', () => {
    const chargeCard = stepOf(payment)
    const { undoes, react, emits } = payment.reactions.get('InventoryFailed')?.reaction ?? chargeCard
    const deaf = {
      ...chargeCard,
      form: 'undo' as const,
      on: [InventoryReleased],
      emits,
      react,
      undoes,
      deadline: undefined,
    }
    const planted = service({ name: 'payment', reactions: { chargeCard, deaf } })
    const input = orderFor(outOfStock)
    const { wrong } = explore(outOfStock, {
      services: instead(planted),
      judge: (seen) => ended(seen, input, 'cancelled'),
    })
    expect(wrong?.what).toBe('the saga did not end cancelled')
  })
})

function instead(planted: Service): readonly Service[] {
  return story.map((one) => (one.name === planted.name ? planted : one))
}

/** The reaction of a service that its undo undoes. */
function stepOf({ reactions }: Service): Reaction {
  const step = [...reactions.values()].find(({ isStep }) => isStep)
  if (!step) throw new Error('There is no step.')
  return step.reaction
}

function say(kind: string, { states, restingStates, interleavings }: SagaSpace): void {
  process.stderr.write(
    `${kind}: ${interleavings} interleavings, ${states} states, ${restingStates} at rest\n`,
  )
}
