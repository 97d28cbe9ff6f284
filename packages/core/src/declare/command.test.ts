import { describe, expect, it } from '@jest/globals'
import { command } from './command.ts'
import { recallFor } from '../batch/delivery.ts'
import { document } from './document.ts'
import { ask, deciding, deriveId, eventType, ids, nothingStored, refusal } from '../fixtures.test.kit.ts'
import type { Json } from '../event/json.ts'
import { decideOn } from '../batch/react.ts'
import { service } from './service.ts'
import { workingSet } from '../batch/working-set.ts'

const OrderReceived = eventType<'OrderReceived', { orderId: string; total: number }>('OrderReceived', 'order')
const order = document({ name: 'order', initial: () => ({ state: 'unknown' }) })

const placeOrder = command({
  emits: [OrderReceived],
  reads: (_input: { total: number }, { id }) => [order(id())],
  react({ total }, { id, get, put, emit }) {
    const orderId = id()
    put(order(orderId), { state: `${get(order(orderId)).state}, then received` })
    emit(OrderReceived, { orderId, total })
    return { orderId }
  },
})
const answer = command({ emits: [], react: ({ value }: { value: unknown }) => value as Json })
const forget = command({ emits: [], react: () => {} })
const later = command({ emits: [], react: (() => Promise.resolve(1)) as never })
const shop = service({ name: 'order', reactions: {}, commands: { placeOrder, answer, forget, later } })
const orderIds =
  (causeId: string) =>
  (name = 'id') =>
    deriveId('order', causeId, 'id', name)
const using = { ...deciding, service: 'order' }

function decide(name: string, input: object, idempotencyKey = 'k1') {
  const request = ask(shop, name, input, idempotencyKey)
  const { reads } = recallFor([request], orderIds)
  return decideOn(request, reads[0] ?? [], workingSet(nothingStored), using)
}

describe('a command', () => {
  it('is inert until it is asked for', () => {
    expect(placeOrder).toMatchObject({ form: 'command', emits: [OrderReceived] })
  })

  it('begins in the trace of whoever asked', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const request = ask(shop, 'placeOrder', { total: 5 }, 'k1')
    const { reads } = recallFor([request], orderIds)
    const trace = { traceparent, tracestate: undefined }
    const { outbox } = decideOn(request, reads[0] ?? [], workingSet(nothingStored), using, { trace })
    expect(outbox[0]?.headers).toMatchObject({ traceparent })
    expect(decide('placeOrder', { total: 5 }).outbox[0]?.headers).not.toHaveProperty('traceparent')
  })

  it('begins a saga named by the key of what it emits, caused by nothing', () => {
    const { outbox, documents, inbox, step } = decide('placeOrder', { total: 5 })
    const orderId = orderIds('command:placeOrder:k1')()
    expect(outbox).toMatchObject([
      {
        id: deriveId('order', 'command:placeOrder:k1', 'event', '0'),
        lane: 'commands',
        topic: 'order.events',
        key: orderId,
        headers: { ce_source: 'order', ce_correlationid: orderId },
      },
    ])
    expect(outbox[0]?.headers).not.toHaveProperty('ce_causationid')
    expect([...documents.values()]).toEqual([
      { name: { kind: 'order', key: orderId }, state: { state: 'unknown, then received' } },
    ])
    expect([inbox, step]).toEqual([undefined, undefined])
  })

  it('keeps its answer with the key and the hash of what was asked', () => {
    expect(decide('placeOrder', { total: 5 }).answer).toEqual({
      command: 'placeOrder',
      idempotencyKey: 'k1',
      inputHash: '{"total":5}',
      answer: { orderId: orderIds('command:placeOrder:k1')() },
    })
    expect(decide('forget', {}).answer.answer).toBeUndefined()
  })

  it('gives other ids for another key, and the same for the same', () => {
    const idOf = (key: string) => decide('placeOrder', { total: 5 }, key).outbox[0]?.id
    expect(idOf('k1')).toBe(idOf('k1'))
    expect(idOf('k1')).not.toBe(idOf('k2'))
  })

  it('is found answered by a second request with its key in the same batch', () => {
    const set = workingSet(nothingStored)
    const first = ask(shop, 'placeOrder', { total: 5 })
    expect(set.answer('placeOrder', 'k1')).toBeUndefined()
    const changes = decideOn(first, recallFor([first], orderIds).reads[0] ?? [], set, using)
    set.apply(changes)
    expect(set.answer('placeOrder', 'k1')).toEqual(changes.answer)
    expect(set.answer('forget', 'k1')).toBeUndefined()
  })

  it.each([
    [{ at: new Date(0) }, /at is a Date/],
    [[Number.NaN], /\[0\] is NaN/],
  ])('is refused an answer that could not be given again: %p', (value, message) => {
    const error = refusal(() => decide('answer', { value }))
    expect(error.code).toBe('TROUPE_DOCUMENT_INVALID')
    expect(error.message).toMatch(message)
    expect(error.message).toContain('order.answer answered')
  })

  it('is refused a promise for an answer', () => {
    expect(refusal(() => decide('later', {})).code).toBe('TROUPE_REACTION_ASYNC')
  })

  it('has ids of its own service', () => {
    expect(ids('c')()).not.toBe(orderIds('c')())
  })
})
