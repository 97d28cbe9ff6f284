import { describe, expect, it } from '@jest/globals'
import { chainOf, inCausalOrder, isWhole, knownAtMs, outcomeOf } from './saga.ts'
import { chain, sagaOf, seen } from './sagas.test.kit.ts'

describe('a saga', () => {
  it('tells its events in causal order, whatever the order in which they were seen', () => {
    const saga = sagaOf('address not served')
    expect(chainOf({ id: 'o1', events: saga.events.toReversed() })).toEqual(chainOf(saga))
  })

  it('follows one branch to its end before the next', () => {
    const events = [
      seen({ id: '1', type: 'A' }),
      seen({ id: '2', type: 'B', causationId: '1' }),
      seen({ id: '3', type: 'C', causationId: '1' }),
      seen({ id: '4', type: 'D', causationId: '2' }),
    ]
    expect(inCausalOrder(events).map(({ event }) => event.type)).toEqual(['A', 'B', 'D', 'C'])
  })

  it('puts what has no known cause at the end, and survives a circle', () => {
    const orphan = seen({ id: '9', type: 'Orphan', causationId: 'unseen' })
    const circle = seen({ id: '8', type: 'Circle', causationId: '8' })
    const root = seen({ id: '1', type: 'Root' })
    expect(inCausalOrder([orphan, root, circle]).map(({ event }) => event.type)).toEqual(['Root', 'Orphan'])
  })

  it('is whole when its end was seen and all that led to it', () => {
    const { events } = sagaOf('good')
    expect(isWhole({ id: 'o1', events })).toBe(true)
    expect(isWhole({ id: 'o1', events: events.slice(0, -1) })).toBe(false)
    expect(isWhole({ id: 'o1', events: events.filter((_, at) => at !== 2) })).toBe(false)
  })

  it('has the outcome of its end', () => {
    expect(outcomeOf(sagaOf('good'))).toBe('completed')
    expect(outcomeOf(sagaOf('card declined'))).toBe('cancelled')
    expect(outcomeOf({ id: 'o1', events: chain(['OrderReceived']) })).toBeUndefined()
  })

  it('knows that a cause was there before its effect, also if it was seen later', () => {
    const [cause, effect] = [
      seen({ id: '1', type: 'A' }, 20),
      seen({ id: '2', type: 'B', causationId: '1' }, 15),
    ]
    expect(knownAtMs(cause, { id: 'o1', events: [cause, effect] })).toBe(15)
    expect(knownAtMs(effect, { id: 'o1', events: [cause, effect] })).toBe(15)
  })
})
