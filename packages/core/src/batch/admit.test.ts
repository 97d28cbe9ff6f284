import { describe, expect, it } from '@jest/globals'
import { admit } from './admit.ts'
import {
  deliver,
  handle,
  nothingStored,
  PaymentProcessed,
  ShippingFailed,
  StockCounted,
} from '../fixtures.test.kit.ts'
import type { StepState } from '../ports.ts'
import { workingSet } from './working-set.ts'

const step = deliver(PaymentProcessed, { orderId: 'o1', items: [] })
const undoing = deliver(ShippingFailed, { orderId: 'o1' })
const plain = deliver(StockCounted, { orderId: 'o1', sku: 'book', free: 1 })

function setWith(state: StepState | undefined) {
  const steps = state ? [{ saga: 'o1', step: 'InventoryReserved', state, done: null, touched: [] }] : []
  return workingSet({ ...nothingStored, steps })
}

describe('admitting a delivery', () => {
  it('passes a plain reaction whatever became of the saga’s steps', () => {
    for (const state of [undefined, 'done', 'undone', 'barred'] as const)
      expect(admit(plain, setWith(state))).toBe('run')
  })

  it('asks the step’s table for a step and for its undo', () => {
    expect([admit(step, setWith(undefined)), admit(undoing, setWith(undefined))]).toEqual(['run', 'barred'])
    expect([admit(step, setWith('done')), admit(undoing, setWith('done'))]).toEqual(['step-repeated', 'run'])
    expect([admit(step, setWith('undone')), admit(undoing, setWith('undone'))]).toEqual([
      'step-barred',
      'undo-repeated',
    ])
    expect([admit(step, setWith('barred')), admit(undoing, setWith('barred'))]).toEqual([
      'step-barred',
      'undo-repeated',
    ])
  })

  it('knows an event again by source and id, before anything else', () => {
    const { source, id } = step.event
    expect(admit(step, workingSet({ ...nothingStored, seen: [{ source, id }] }))).toBe('duplicate')
    expect(admit(step, workingSet({ ...nothingStored, seen: [{ source: 'till', id }] }))).toBe('run')
    expect(admit(step, workingSet({ ...nothingStored, seen: [{ source, id: 'other' }] }))).toBe('run')
  })

  it('sees what the same batch has done: twice the same, then the undo, the undo again, the step again', () => {
    const set = setWith(undefined)
    expect([
      handle(step, set),
      handle(step, set),
      handle(deliver(PaymentProcessed, { orderId: 'o1', items: [] }, { id: 'another payment' }), set),
      handle(undoing, set),
      handle(deliver(ShippingFailed, { orderId: 'o1' }, { id: 'another failure' }), set),
      handle(deliver(PaymentProcessed, { orderId: 'o1', items: [] }, { id: 'a third payment' }), set),
      handle(deliver(PaymentProcessed, { orderId: 'o2', items: [] }), set),
    ]).toEqual(['run', 'duplicate', 'step-repeated', 'run', 'undo-repeated', 'step-barred', 'run'])
    expect(set.writes().inbox.map(({ outcome }) => outcome)).toEqual([
      'applied',
      'step-repeated',
      'applied',
      'undo-repeated',
      'step-barred',
      'applied',
    ])
  })
})
