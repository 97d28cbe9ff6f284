import type { Topology } from '@troupe/core'
import { describe, expect, it } from '@jest/globals'
import { mermaidOf } from './mermaid.ts'

const topology: Topology = {
  services: [
    {
      name: 'payment',
      commands: [],
      reactions: [
        { name: 'charge', form: 'step', hears: ['Ordered'], says: ['Paid'] },
        { name: 'refund', form: 'undo', hears: ['Lost'], says: ['Refunded'], undoes: 'charge' },
      ],
    },
    {
      name: 'order',
      commands: [{ name: 'place', says: ['Ordered'] }],
      reactions: [{ name: 'finish', form: 'reaction', hears: ['Refunded'], says: ['Cancelled'] }],
    },
    {
      name: 'end',
      commands: [],
      reactions: [{ name: 'ship', form: 'reaction', hears: ['Paid'], says: ['Lost'] }],
    },
  ],
  events: [
    { type: 'Paid', owner: 'payment', topic: 'payment.events', saidBy: ['payment'], heardBy: ['end'] },
    { type: 'Refunded', owner: 'payment', topic: 'payment.events', saidBy: ['payment'], heardBy: ['order'] },
    { type: 'Ordered', owner: 'order', topic: 'order.events', saidBy: ['order'], heardBy: ['payment'] },
    { type: 'Cancelled', owner: 'order', topic: 'order.events', saidBy: ['order'], heardBy: [] },
    { type: 'Lost', owner: 'end', topic: 'end.events', saidBy: ['end'], heardBy: ['payment'] },
  ],
}

describe('the picture of a choreography', () => {
  it('begins with who takes commands, follows the story, and draws the way back dashed', () => {
    expect(mermaidOf(topology)).toBe(`flowchart LR
  do_place([place])
  order[order]
  do_place ==> order
  payment[payment]
  end_[end]
  order -- Ordered --> payment
  payment -- Paid --> end_
  payment -. Refunded .-> order
  end_ -. Lost .-> payment
  order --> end_Cancelled([Cancelled])
`)
  })

  it('says how long it is waited for an answer, with the event that is said then', () => {
    const { services, events } = topology
    const late = { owner: 'payment', topic: 'payment.events', saidBy: ['payment'], afterMs: 300_000 }
    const picture = mermaidOf({
      services,
      events: [
        ...events,
        { ...late, type: 'Late', heardBy: ['order'] },
        { ...late, type: 'Later', heardBy: [] },
      ],
    })
    expect(picture).toContain('  payment -- Late after 5 min --> order\n')
    expect(picture).toContain('  payment --> end_Later([Later after 5 min])\n')
  })

  it('draws the owner of an event that is heard from outside as an outsider', () => {
    const { services, events } = topology
    const picture = mermaidOf({
      services: services.filter(({ name }) => name === 'payment'),
      events: events
        .filter(({ type }) => type === 'Ordered')
        .map((event) => ({ ...event, saidBy: [], heardBy: ['payment'] })),
    })
    expect(picture).toContain('order -- Ordered --> payment\n  order[order]:::outside\n')
  })
})
