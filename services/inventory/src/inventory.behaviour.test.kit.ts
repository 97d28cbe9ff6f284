// What inventory does, whatever it keeps its stock in: one suite for both of its forms.
import { afterAll, beforeAll, describe, it } from '@jest/globals'
import type { EventDraft } from '@troupe/core'
import { type Ending, type Expected, like, type WhenOptions } from '@troupe/testing'
import {
  InventoryFailed,
  InventoryReleased,
  InventoryReserved,
  OrderAbandoned,
  PaymentProcessed,
  ShippingFailed,
} from '@troupe-demo/schemas'
import { openingStock, type Stock } from './stock.ts'

/** Where a story of inventory stands; a value. */
export interface Story {
  stocked(sku: string, stock: Stock): Story
  given(event: EventDraft, options?: WhenOptions): Story
  when(event: EventDraft, options?: WhenOptions): { emits(...expected: readonly Expected[]): Said }
}

export interface Said extends Story {
  leaves(sku: string, stock: Stock): Said
  ends(ending: Ending): Said
  /** Resolves once the story was told and all of it was so. */
  told(): Promise<void>
}

export const reservationId = '0b8f7d4e-52a1-8c3e-9d10-6f2a7c1e4b90'
/** What `id('reservation')` gives in a story. */
export const ids = { reservation: reservationId }

const shipTo = { country: 'DE' }
const shippingFailed = ShippingFailed({ orderId: 'o1', reason: 'address not served: AQ' })

type Line = { readonly sku: string; readonly quantity: number }

function paid(...items: readonly Line[]) {
  return paidFor('o1', ...items)
}

function paidFor(orderId: string, ...items: readonly Line[]) {
  const paymentId = '5d1c9a02-7e4b-8f66-a3d8-1b0e9c7f2a54'
  return PaymentProcessed({ orderId, paymentId, amountCents: 1_000, items, shipTo })
}

export interface Form {
  readonly name: string
  open(): Promise<{ readonly story: Story; close(): Promise<void> }>
}

/** Describes the behaviour of inventory in one of its forms. */
export function behavesAsInventory({ name, open }: Form): void {
  let opened: Awaited<ReturnType<typeof open>>
  beforeAll(async () => {
    opened = await open()
  }, 60_000)
  afterAll(() => opened?.close(), 30_000)
  const story = () => opened.story
  reserves(name, story)
  releases(name, story)
}

function reserves(name: string, story: () => Story): void {
  describe(`reserveStock, ${name}`, () => {
    it('holds what was paid for and passes on where it goes', () =>
      story()
        .stocked('book', { free: 5, held: 1 })
        .when(paid({ sku: 'book', quantity: 2 }))
        .emits(
          InventoryReserved({ orderId: 'o1', reservationId, items: [{ sku: 'book', quantity: 2 }], shipTo }),
        )
        .leaves('book', { free: 3, held: 3 })
        .told())

    it('fails when there is less than was ordered', () =>
      story()
        .stocked('book', { free: 1, held: 0 })
        .when(paid({ sku: 'book', quantity: 2 }))
        .emits(InventoryFailed({ orderId: 'o1', reason: 'out of stock: book' }))
        .leaves('book', { free: 1, held: 0 })
        .told())

    it('gives away the last one', () =>
      story()
        .stocked('book', { free: 1, held: 0 })
        .when(paid({ sku: 'book', quantity: 1 }))
        .emits(like(InventoryReserved, {}))
        .leaves('book', { free: 0, held: 1 })
        .told())

    it('holds all articles of an order or none', async () => {
      const stocked = story().stocked('book', { free: 5, held: 0 }).stocked('pen', { free: 1, held: 0 })
      await stocked
        .when(paid({ sku: 'book', quantity: 1 }, { sku: 'pen', quantity: 2 }))
        .emits(InventoryFailed({ orderId: 'o1', reason: 'out of stock: pen' }))
        .leaves('book', { free: 5, held: 0 })
        .leaves('pen', { free: 1, held: 0 })
        .told()
      await stocked
        .when(paid({ sku: 'pen', quantity: 1 }, { sku: 'book', quantity: 1 }))
        .emits(like(InventoryReserved, {}))
        .leaves('book', { free: 4, held: 1 })
        .leaves('pen', { free: 0, held: 1 })
        .told()
    })

    it('names the first article that is short, in the order of the order', () =>
      story()
        .stocked('book', { free: 0, held: 0 })
        .stocked('pen', { free: 1, held: 0 })
        .when(paid({ sku: 'lamp', quantity: 1 }, { sku: 'pen', quantity: 2 }, { sku: 'book', quantity: 1 }))
        .emits(InventoryFailed({ orderId: 'o1', reason: 'out of stock: pen' }))
        .told())

    it('adds up several lines of one article', async () => {
      const lines = [
        { sku: 'book', quantity: 2 },
        { sku: 'book', quantity: 1 },
      ]
      await story()
        .stocked('book', { free: 3, held: 0 })
        .when(paid(...lines))
        .emits(like(InventoryReserved, { items: [{ sku: 'book', quantity: 3 }] }))
        .leaves('book', { free: 0, held: 3 })
        .told()
      await story()
        .stocked('book', { free: 2, held: 0 })
        .when(paid(...lines))
        .emits(like(InventoryFailed, { reason: 'out of stock: book' }))
        .told()
    })

    it('starts from the opening stock', () => {
      const opening = openingStock.get('rare-print') ?? 0
      return story()
        .when(paid({ sku: 'rare-print', quantity: opening }))
        .emits(like(InventoryReserved, {}))
        .leaves('rare-print', { free: 0, held: opening })
        .told()
    })

    it('takes an article that it does not know for one that is out of stock', async () => {
      for (const sku of ['unheard-of', '__proto__', 'constructor', `'; DROP TABLE stock; --`]) {
        await story()
          .when(paid({ sku, quantity: 1 }))
          .emits(InventoryFailed({ orderId: 'o1', reason: `out of stock: ${sku}` }))
          .told()
      }
    })

    it('refuses a quantity that would add to the stock, or make room for another line', async () => {
      for (const quantity of [0, -3]) {
        await story()
          .stocked('book', { free: 1, held: 0 })
          .when(paid({ sku: 'book', quantity: 4 }, { sku: 'book', quantity }))
          .emits(InventoryFailed({ orderId: 'o1', reason: `not a quantity: ${quantity} of book` }))
          .leaves('book', { free: 1, held: 0 })
          .told()
      }
    })

    it('lets the second of two orders for the last copy go short', () =>
      story()
        .stocked('book', { free: 1, held: 0 })
        .given(paidFor('o1', { sku: 'book', quantity: 1 }))
        .when(paidFor('o2', { sku: 'book', quantity: 1 }))
        .emits(InventoryFailed({ orderId: 'o2', reason: 'out of stock: book' }))
        .told())

    it('holds once for an event that comes twice, and for two events of one order', () =>
      story()
        .stocked('book', { free: 5, held: 0 })
        .given(paid({ sku: 'book', quantity: 1 }), { id: 'paid' })
        .when(paid({ sku: 'book', quantity: 1 }), { id: 'paid' })
        .emits()
        .ends('duplicate')
        .when(paid({ sku: 'book', quantity: 1 }), { id: 'paid-again' })
        .emits()
        .ends('step-repeated')
        .leaves('book', { free: 4, held: 1 })
        .told())
  })
}

function releases(name: string, story: () => Story): void {
  describe(`releaseStock, ${name}`, () => {
    const order = paid(
      { sku: 'book', quantity: 2 },
      { sku: 'pen', quantity: 1 },
      { sku: 'book', quantity: 1 },
    )
    const stocked = () => story().stocked('book', { free: 5, held: 1 }).stocked('pen', { free: 1, held: 0 })

    it('gives back exactly what was held, and says why', () => {
      const items = [
        { sku: 'book', quantity: 3 },
        { sku: 'pen', quantity: 1 },
      ]
      return stocked()
        .given(order)
        .when(shippingFailed)
        .emits(InventoryReleased({ orderId: 'o1', reservationId, items, reason: 'address not served: AQ' }))
        .leaves('book', { free: 5, held: 1 })
        .leaves('pen', { free: 1, held: 0 })
        .told()
    })

    it('gives back once', () =>
      stocked()
        .given(order)
        .given(shippingFailed)
        .when(shippingFailed)
        .emits()
        .ends('undo-repeated')
        .leaves('book', { free: 5, held: 1 })
        .told())

    it('gives nothing back where nothing was held', () =>
      story()
        .stocked('book', { free: 0, held: 1 })
        .given(paid({ sku: 'book', quantity: 1 }))
        .when(shippingFailed)
        .emits()
        .ends('barred')
        .leaves('book', { free: 0, held: 1 })
        .told())

    it('heard before the payment, keeps the order from ever being held', () =>
      stocked()
        .when(shippingFailed)
        .emits()
        .when(order)
        .emits()
        .ends('step-barred')
        .leaves('book', { free: 5, held: 1 })
        .told())

    it('gives back what order has given up on, also where the stock was held too late', async () => {
      const abandoned = OrderAbandoned({ orderId: 'o1', reason: 'no answer from inventory' })
      await stocked()
        .given(order)
        .when(abandoned)
        .emits(like(InventoryReleased, { orderId: 'o1', reason: 'no answer from inventory' }))
        .leaves('book', { free: 5, held: 1 })
        .told()
      await stocked().given(abandoned).when(order).emits().ends('step-barred').told()
    })

    it('leaves other orders alone', () =>
      stocked()
        .given(order)
        .given(paidFor('o2', { sku: 'book', quantity: 1 }))
        .when(shippingFailed)
        .emits(like(InventoryReleased, { orderId: 'o1' }))
        .leaves('book', { free: 4, held: 2 })
        .told())
  })
}
