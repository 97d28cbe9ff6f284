import { describe, expect, it } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { chain, sagaOf, seen } from './sagas.test.kit.ts'
import { createSightings } from './sightings.ts'

describe('sightings', () => {
  it('count an event once, however often it is published', () => {
    const sightings = createSightings()
    const one = seen({ type: 'PaymentProcessed', data: { amountCents: 100, currency: 'EUR' } })
    sightings.add(one)
    sightings.add({ ...one, seenAtMs: 99 })
    expect(sightings.sums().chargedCents).toEqual({ EUR: 100 })
    expect(sightings.repeats()).toBe(1)
    expect(sightings.saga('o1')?.events).toHaveLength(1)
  })

  it('tell events of different sources apart that have one id', () => {
    const sightings = createSightings()
    sightings.add(seen({ id: 'same', type: 'OrderReceived' }))
    sightings.add(seen({ id: 'same', type: 'PaymentFailed', causationId: 'same' }))
    expect(sightings.saga('o1')?.events).toHaveLength(2)
  })

  it('tell UUIDs apart that differ only in their random end', () => {
    const sightings = createSightings()
    const uuid = randomUUID()
    for (const end of ['0', '1', '2'])
      sightings.add(seen({ id: uuid.slice(0, -1) + end, type: 'OrderReceived' }))
    expect([sightings.begun(), sightings.repeats()]).toEqual([3, 0])
  })

  it('tell of each event, and of the end once it is whole', () => {
    const sightings = createSightings()
    const told: string[] = []
    const stop = sightings.listen({
      seen: ({ event }) => told.push(event.type),
      ended: ({ id }) => told.push(`end of ${id}`),
    })
    const { events } = sagaOf('card declined')
    for (const one of events.toReversed()) sightings.add(one)
    expect(told).toEqual(['OrderCancelled', 'PaymentFailed', 'OrderReceived', 'end of o1'])
    expect(sightings.open()).toEqual([])
    stop()
    sightings.add(seen({ type: 'PaymentRefunded', causationId: events[0]?.event.id }))
    expect(told).toHaveLength(4)
  })

  it('open a saga again when something comes after its end', () => {
    const sightings = createSightings()
    for (const one of sagaOf('good').events) sightings.add(one)
    sightings.add(seen({ id: 'late', type: 'PaymentRefunded', causationId: 'nobody knows' }))
    expect(sightings.open().map(({ id }) => id)).toEqual(['o1'])
  })

  it('forget whole sagas beyond the latest few, but not that their events were seen', () => {
    const sightings = createSightings(2)
    const sagas = ['a', 'b', 'c'].map((id) => chain(['OrderReceived', 'PaymentFailed', 'OrderCancelled'], id))
    for (const one of sagas.flat()) sightings.add(one)
    expect(['a', 'b', 'c'].map((id) => sightings.saga(id)?.events.length)).toEqual([undefined, 3, 3])
    for (const one of sagas.flat()) sightings.add(one)
    expect([sightings.repeats(), sightings.begun(), sightings.open()]).toEqual([9, 3, []])
  })
})
