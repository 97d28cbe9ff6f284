import { describe, expect, it } from '@jest/globals'
import { command } from '../declare/command.ts'
import { causeIdOf, idsOf, recallFor, requestId, stepKey, stepOf } from './delivery.ts'
import {
  ask,
  deliver,
  deriveId,
  ids,
  OrderWithdrawn,
  PaymentProcessed,
  ShippingFailed,
  stock,
  StockCounted,
} from '../fixtures.test.kit.ts'
import { reaction } from '../declare/reaction.ts'
import { service } from '../declare/service.ts'

const items = [
  { sku: 'book', quantity: 1 },
  { sku: 'pen', quantity: 1 },
]

describe('what a batch recalls', () => {
  it('is every event, and every document and step once', () => {
    const { request, reads, failed } = recallFor(
      [
        deliver(PaymentProcessed, { orderId: 'o1', items }),
        deliver(PaymentProcessed, { orderId: 'o1', items }, { id: 'again' }),
        deliver(StockCounted, { orderId: 'o2', sku: 'book', free: 1 }),
      ],
      ids,
    )
    expect(request).toEqual({
      events: [
        { source: 'payment', id: 'PaymentProcessed of o1' },
        { source: 'payment', id: 'again' },
        { source: 'warehouse', id: 'StockCounted of o2' },
      ],
      documents: [
        { kind: 'stock', key: 'book' },
        { kind: 'stock', key: 'pen' },
      ],
      steps: [{ saga: 'o1', step: 'InventoryReserved', withDocuments: false }],
      answers: [],
    })
    expect(reads.map((one) => one.map(({ key }) => key))).toEqual([
      ['book', 'pen'],
      ['book', 'pen'],
      ['book'],
    ])
    expect(failed.size).toBe(0)
  })

  it.each([[[0, 1]], [[1, 0]]])(
    'asks for what a step touched if its undo is there, in whichever order',
    (order) => {
      const both = [
        deliver(PaymentProcessed, { orderId: 'o1', items }),
        deliver(ShippingFailed, { orderId: 'o1' }),
      ]
      const { request } = recallFor(
        order.map((index) => both[index] ?? both[0]!),
        ids,
      )
      expect(request.steps).toEqual([{ saga: 'o1', step: 'InventoryReserved', withDocuments: true }])
    },
  )

  it('goes by the saga, not by the record’s key', () => {
    const { request } = recallFor([deliver(OrderWithdrawn, { orderId: 'o1' }, { correlationId: 's9' })], ids)
    expect(request.steps).toEqual([{ saga: 's9', step: 'InventoryReserved', withDocuments: true }])
  })

  it('is asked for all the others when one cannot say what it reads', () => {
    const badly = service({
      name: 'badly',
      reactions: {
        throws: reaction({
          on: ShippingFailed,
          emits: [],
          reads: () => {
            throw new Error('no such order')
          },
          react() {},
        }),
        promises: reaction({
          on: OrderWithdrawn,
          emits: [],
          reads: (async () => []) as never,
          react() {},
        }),
        fine: reaction({ on: StockCounted, emits: [], reads: ({ data }) => [stock(data.sku)], react() {} }),
      },
    })
    const { request, reads, failed } = recallFor(
      [
        deliver(ShippingFailed, { orderId: 'o1' }, {}, badly),
        deliver(OrderWithdrawn, { orderId: 'o1' }, {}, badly),
        deliver(StockCounted, { orderId: 'o1', sku: 'book', free: 1 }, {}, badly),
      ],
      ids,
    )
    expect([...failed.keys()]).toEqual([0, 1])
    expect(failed.get(0)).toEqual(new Error('no such order'))
    expect(String(failed.get(1))).toMatch(/`reads` of promises returned a promise\. Return a list/)
    expect(reads.map((one) => one.length)).toEqual([0, 0, 1])
    expect(request.documents).toEqual([{ kind: 'stock', key: 'book' }])
    expect(request.events).toHaveLength(3)
  })

  it('is, for a command, its answer and its documents, with the ids that it will get', () => {
    const open = command({
      emits: [],
      reads: (_input: { sku: string }, { id }) => [stock(id())],
      react: (_input: { sku: string }, { id }) => id(),
    })
    const shop = service({ name: 'inventory', reactions: {}, commands: { open } })
    const { request } = recallFor([ask(shop, 'open', { sku: 'book' }, 'k1')], ids)
    expect(request).toEqual({
      events: [],
      documents: [{ kind: 'stock', key: ids('command:open:k1')() }],
      steps: [],
      answers: [{ command: 'open', idempotencyKey: 'k1' }],
    })
  })
})

describe('what ids are derived from', () => {
  it('differs for the same id of two sources, and for a command that calls itself like an event', () => {
    const causes = [
      causeIdOf({ source: 'payment', id: '1' }),
      causeIdOf({ source: 'till', id: '1' }),
      causeIdOf({ source: 'payment1', id: '' }),
      requestId(
        ask(
          service({ name: 'a', reactions: {}, commands: { event: command({ emits: [], react: () => {} }) } }),
          'event',
          {},
        ),
      ),
    ]
    expect(new Set(causes).size).toBe(causes.length)
  })

  it('tells the names of one handling’s ids apart', () => {
    const id = idsOf(deriveId, 'inventory', 'cause')
    expect(id()).toBe(id('id'))
    expect(id('a')).not.toBe(id('b'))
    expect(id()).not.toBe(idsOf(deriveId, 'payment', 'cause')())
  })
})

describe('the step of a delivery', () => {
  it('is the saga’s, for the step and its undo alike; a plain reaction has none', () => {
    const step = { saga: 'o1', step: 'InventoryReserved' }
    expect(stepOf(deliver(PaymentProcessed, { orderId: 'o1', items }))).toEqual(step)
    expect(stepOf(deliver(ShippingFailed, { orderId: 'o1' }))).toEqual(step)
    expect(stepOf(deliver(StockCounted, { orderId: 'o1', sku: 'book', free: 1 }))).toBeUndefined()
    expect(stepKey(step)).not.toBe(stepKey({ saga: 'o1I', step: 'nventoryReserved' }))
  })
})
