import { describe, expect, it } from '@jest/globals'
import { chain, sagaOf } from '../observe/sagas.test.kit.ts'
import { problemsOf, type SeenOrder, type SeenStory } from './judge.ts'
import { expectations, orderOf } from './orders.ts'
import type { Story } from './stories.ts'

const story: Story = { name: 'good', about: '', orders: [orderOf('good')], expected: expectations.good }
const fine: SeenOrder = { answers: ['o1'], saga: sagaOf('good'), state: 'completed' }
const judge = (order: Partial<SeenOrder>, more: Partial<SeenStory> = {}, told = story) =>
  problemsOf(told, { orders: [{ ...fine, ...order }], sagasBegun: 1, ...more })

describe('the judgement on a story', () => {
  it('finds nothing wrong with what went as it should', () => {
    expect(judge({})).toEqual([])
  })

  it.each<[string, Partial<SeenOrder>, RegExp]>([
    ['another outcome', { saga: sagaOf('card declined') }, /it is cancelled instead of completed/],
    [
      'no end',
      { saga: { id: 'o1', events: chain(['OrderReceived']) } },
      /it is still under way instead of completed/,
    ],
    ['no events at all', { saga: undefined }, /none of its events was seen/],
    [
      'an event that is missing',
      { saga: { id: 'o1', events: chain(['OrderReceived', 'OrderCompleted']) } },
      /its events were OrderReceived → OrderCompleted instead of/,
    ],
    [
      'an event too many',
      { saga: { id: 'o1', events: chain([...expectations.good.events, 'PaymentRefunded']) } },
      /→ OrderCompleted → PaymentRefunded instead of/,
    ],
    [
      'events in another order',
      { saga: { id: 'o1', events: chain(expectations.good.events.toReversed()) } },
      /its events were OrderCompleted → /,
    ],
    ['an order that says otherwise', { state: 'placed' }, /GET \/orders\/… says placed instead of completed/],
    ['an order that nobody knows', { state: undefined }, /says nothing instead of completed/],
    ['a post that was not accepted', { answers: [] }, /0 of 1 posts were accepted/],
  ])('finds %s', (_, order, problem) => {
    expect(judge(order).join('\n')).toMatch(problem)
  })

  it('finds a second saga of one idempotency key', () => {
    const twice = { ...story, posts: 2 }
    expect(judge({ answers: ['o1', 'o1'] }, {}, twice)).toEqual([])
    expect(judge({ answers: ['o1', 'o2'] }, {}, twice)).toEqual([
      'one idempotency key named 2 orders: o1, o2',
    ])
    expect(judge({ answers: ['o1', 'o1'] }, { sagasBegun: 2 }, twice)).toEqual([
      '1 sagas should have begun, 2 did',
    ])
  })

  it('says which of several orders it means, and misses none', () => {
    const two = { ...story, orders: [orderOf('good'), orderOf('good')] }
    const seen = { orders: [fine, { ...fine, state: 'placed' }], sagasBegun: 2 }
    expect(problemsOf(two, seen)).toEqual(['order 2: GET /orders/… says placed instead of completed'])
    expect(problemsOf(two, { orders: [fine], sagasBegun: 1 })).toContain('1 of 2 orders were placed')
  })
})
