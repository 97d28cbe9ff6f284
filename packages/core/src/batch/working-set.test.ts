import { describe, expect, it } from '@jest/globals'
import { document } from '../declare/document.ts'
import {
  deliver,
  handle,
  nothingStored,
  OrderWithdrawn,
  PaymentProcessed,
  refusal,
  ShippingFailed,
  stock,
  StockCounted,
} from '../fixtures.test.kit.ts'
import { workingSet } from './working-set.ts'

const book = { kind: 'stock', key: 'book' }
const count = (free: number, id = `count ${free}`) =>
  deliver(StockCounted, { orderId: 'c', sku: 'book', free }, { id })
const reserve = (orderId: string) =>
  deliver(PaymentProcessed, { orderId, items: [{ sku: 'book', quantity: 1 }] })

describe('the documents of a working set', () => {
  it('are initial where nothing is stored, and as stored where something is', () => {
    expect(workingSet(nothingStored).get(stock('book'))).toEqual({ free: 1_000, held: 0, history: [] })
    const state = { free: 7, held: 0, history: ['x'] }
    const set = workingSet({ ...nothingStored, documents: [{ ...book, version: 3, state }] })
    expect(set.get(stock('book'))).toEqual(state)
    expect(set.writes().documents).toEqual([])
  })

  it('are parsed once, and only if somebody asks', () => {
    let parses = 0
    const counted = document({ name: 'counted', initial: () => ({ n: 0 }), parse: () => ({ n: ++parses }) })
    const documents = [{ kind: 'counted', key: 'a', version: 1, state: {} }]
    const set = workingSet({ ...nothingStored, documents })
    expect(parses).toBe(0)
    expect([set.get(counted('a')), set.get(counted('a')), parses]).toEqual([{ n: 1 }, { n: 1 }, 1])
  })

  it('are frozen, so that a reaction that throws has touched nothing', () => {
    const state = { free: 7, held: 0, history: [] }
    const set = workingSet({ ...nothingStored, documents: [{ ...book, version: 3, state }] })
    for (const ref of [stock('book'), stock('never stored')]) {
      expect(() => ((set.get(ref) as { free: number }).free = 0)).toThrow(TypeError)
      expect(() => (set.get(ref).history as string[]).push('x')).toThrow(TypeError)
    }
    handle(count(3), set)
    expect(() => ((set.get(stock('book')) as { free: number }).free = 0)).toThrow(TypeError)
  })

  it('are written once, however often they changed, on the version that was recalled', () => {
    const state = { free: 7, held: 0, history: [] }
    const set = workingSet({ ...nothingStored, documents: [{ ...book, version: 3, state }] })
    for (const delivery of [count(5), reserve('o1'), reserve('o2')]) handle(delivery, set)
    expect(set.writes().documents).toEqual([
      {
        ...book,
        expectedVersion: 3,
        state: { free: 3, held: 2, history: ['count 5', 'PaymentProcessed of o1', 'PaymentProcessed of o2'] },
      },
    ])
  })

  it('are new with version 0', () => {
    const set = workingSet(nothingStored)
    handle(count(5), set)
    handle(count(6), set)
    expect(set.writes().documents).toMatchObject([{ ...book, expectedVersion: 0, state: { free: 6 } }])
  })
})

describe('the steps of a working set', () => {
  it('expect what was stored when they were recalled, however often they changed', () => {
    const set = workingSet(nothingStored)
    handle(reserve('o1'), set)
    handle(deliver(ShippingFailed, { orderId: 'o1' }), set)
    expect(set.writes().steps).toMatchObject([
      { saga: 'o1', step: 'InventoryReserved', state: 'undone', expectedState: undefined, touched: [book] },
    ])
  })

  it('expect the stored state where there is one', () => {
    const done = new TextEncoder().encode(
      JSON.stringify({ orderId: 'o1', items: [{ sku: 'book', quantity: 1 }] }),
    )
    const step = { saga: 'o1', step: 'InventoryReserved', state: 'done' as const, done, touched: [book] }
    const set = workingSet({ ...nothingStored, steps: [step] })
    handle(deliver(OrderWithdrawn, { orderId: 'o1' }), set)
    expect(set.writes().steps).toEqual([{ ...step, state: 'undone', expectedState: 'done' }])
  })

  it('of other sagas are others', () => {
    const step = { saga: 'o1', step: 'InventoryReserved', state: 'barred' as const, done: null, touched: [] }
    const set = workingSet({ ...nothingStored, steps: [step] })
    expect(set.step({ saga: 'o1', step: 'InventoryReserved' })).toEqual(step)
    expect(set.step({ saga: 'o1I', step: 'nventoryReserved' })).toBeUndefined()
  })
})

describe('applying changes', () => {
  it('keeps events and records in the order in which they were applied', () => {
    const set = workingSet(nothingStored)
    for (const delivery of [reserve('o2'), reserve('o1'), deliver(ShippingFailed, { orderId: 'o2' })])
      handle(delivery, set)
    expect(set.writes().outbox.map(({ headers, key }) => [headers['ce_type'], key])).toEqual([
      ['InventoryReserved', 'o2'],
      ['InventoryReserved', 'o1'],
      ['InventoryReleased', 'o2'],
    ])
    expect(set.hasSeen(reserve('o1').event)).toBe(true)
    expect(set.hasSeen(reserve('o3').event)).toBe(false)
  })

  it('takes as many records as a reaction emits', () => {
    const set = workingSet(nothingStored)
    const record = { id: 'r', lane: 'l', topic: 't', key: null, headers: {}, value: null }
    set.apply({ documents: new Map(), outbox: Array.from({ length: 200_000 }, () => record) })
    expect(set.writes().outbox).toHaveLength(200_000)
  })

  it('remembers an answer for the rest of the batch, and the ledger’s from before', () => {
    const old = { command: 'place', idempotencyKey: 'k0', inputHash: 'h', answer: 'old' }
    const set = workingSet({ ...nothingStored, answers: [old] })
    const answer = { command: 'place', idempotencyKey: 'k1', inputHash: 'h', answer: { orderId: 'o1' } }
    set.apply({ documents: new Map(), outbox: [], answer })
    expect([set.answer('place', 'k0'), set.answer('place', 'k1'), set.answer('plac', 'ek1')]).toEqual([
      old,
      answer,
      undefined,
    ])
    expect(set.writes().answers).toEqual([answer])
  })

  it('says which documents were decided on and not written, whether they were stored or not', () => {
    const stored = { kind: 'stock', key: 'book', version: 3, state: { free: 1, held: 0, history: [] } }
    const set = workingSet({
      ...nothingStored,
      documents: [stored, { ...stored, key: 'pen' }, { ...stored, key: 'cup' }],
    })
    for (const sku of ['book', 'pen', 'new']) set.get(stock(sku))
    const name = { kind: 'stock', key: 'pen' }
    const state = { free: 0 }
    set.apply({ documents: new Map([['stock/pen', { name, state }]]), outbox: [] })
    set.get(stock('pen'))
    const { documents, documentsRead } = set.writes()
    expect(documents).toEqual([{ ...name, expectedVersion: 3, state }])
    // Nobody asked for the cup.
    expect(documentsRead).toEqual([
      { kind: 'stock', key: 'book', expectedVersion: 3 },
      { kind: 'stock', key: 'new', expectedVersion: 0 },
    ])
  })

  it('leaves no trace of a reaction that threw half-way', () => {
    const set = workingSet(nothingStored)
    const items = [
      { sku: 'book', quantity: 1 },
      { sku: 'poison', quantity: 1 },
    ]
    expect(() => handle(deliver(PaymentProcessed, { orderId: 'o1', items }), set)).toThrow('could not tell')
    const documentsRead = items.map(({ sku }) => ({ kind: 'stock', key: sku, expectedVersion: 0 }))
    expect(set.writes()).toEqual({
      inbox: [],
      documents: [],
      documentsRead,
      steps: [],
      answers: [],
      outbox: [],
      deadlines: [],
    })
    expect(set.get(stock('book'))).toEqual({ free: 1_000, held: 0, history: [] })
  })
})

describe('a document that nobody named', () => {
  it('is refused by name', () => {
    const sneaky = deliver(ShippingFailed, { orderId: 'o1' })
    const done = new TextEncoder().encode(
      JSON.stringify({ orderId: 'o1', items: [{ sku: 'pen', quantity: 1 }] }),
    )
    const step = { saga: 'o1', step: 'InventoryReserved', state: 'done' as const, done, touched: [book] }
    const error = refusal(() => handle(sneaky, workingSet({ ...nothingStored, steps: [step] })))
    expect(error).toMatchObject({ code: 'TROUPE_DOCUMENT_NOT_READ', details: { kind: 'stock', key: 'pen' } })
    expect(error.message).toContain('inventory.releaseStock touched the document stock/pen')
  })
})
