import { describe, expect, it } from '@jest/globals'
import { command } from '../declare/command.ts'
import { eventType, inventory, OrderWithdrawn, PaymentProcessed, reserveStock } from '../fixtures.test.kit.ts'
import { reaction } from '../declare/reaction.ts'
import { service } from '../declare/service.ts'
import { durationOf, topologyOf } from './topology.ts'

const withdraw = command({ emits: [OrderWithdrawn], react: () => {} })
const order = service({ name: 'order', reactions: {}, commands: { withdraw } })

describe('the topology of a set of services', () => {
  it('says who hears what and who says what', () => {
    const { events } = topologyOf([order, inventory])
    expect(events.find(({ type }) => type === 'OrderWithdrawn')).toEqual({
      type: 'OrderWithdrawn',
      owner: 'order',
      topic: 'order.events',
      saidBy: ['order'],
      heardBy: ['inventory'],
    })
    expect(events.find(({ type }) => type === 'PaymentProcessed')).toMatchObject({
      saidBy: [],
      heardBy: ['inventory'],
    })
    expect(events.find(({ type }) => type === 'InventoryReserved')).toMatchObject({
      saidBy: ['inventory'],
      heardBy: [],
    })
  })

  it('tells commands, reactions, steps and undos apart', () => {
    expect(topologyOf([order, inventory]).services).toEqual([
      { name: 'order', commands: [{ name: 'withdraw', says: ['OrderWithdrawn'] }], reactions: [] },
      {
        name: 'inventory',
        commands: [],
        reactions: [
          {
            name: 'reserveStock',
            form: 'step',
            hears: ['PaymentProcessed'],
            says: ['InventoryReserved', 'InventoryFailed'],
            deadline: {
              from: 'InventoryReserved',
              afterMs: 60_000,
              says: 'HoldOverdue',
              liftedBy: ['ShippingFailed', 'OrderWithdrawn'],
            },
          },
          {
            name: 'releaseStock',
            form: 'undo',
            hears: ['ShippingFailed', 'OrderWithdrawn'],
            says: ['InventoryReleased'],
            undoes: 'reserveStock',
          },
          { name: 'countStock', form: 'reaction', hears: ['StockCounted'], says: [] },
        ],
      },
    ])
  })

  it('says which events a deadline emits, and which answers are only waited for', () => {
    const alone = service({ name: 'inventory', reactions: { reserveStock } })
    const { events, services } = topologyOf([order, alone])
    expect(events.find(({ type }) => type === 'HoldOverdue')).toMatchObject({
      saidBy: ['inventory'],
      afterMs: 60_000,
    })
    expect(services[1]).toMatchObject({
      awaits: ['ShippingFailed', 'OrderWithdrawn'],
      reactions: [{ name: 'reserveStock' }],
    })
  })

  it('keeps two owners’ events of one name apart', () => {
    const other = eventType('PaymentProcessed', 'till')
    const shop = service({
      name: 'shop',
      reactions: { note: reaction({ on: other, emits: [], react() {} }) },
    })
    const { events } = topologyOf([inventory, shop])
    expect(events.filter(({ type }) => type === PaymentProcessed.type)).toEqual([
      expect.objectContaining({ owner: 'payment', heardBy: ['inventory'] }),
      expect.objectContaining({ owner: 'till', heardBy: ['shop'] }),
    ])
  })

  it.each([
    [0, '0 ms'],
    [250, '250 ms'],
    [90_000, '90 s'],
    [300_000, '5 min'],
    [172_800_000, '2 d'],
  ])('says %i ms as %s', (ms, text) => {
    expect(durationOf(ms)).toBe(text)
  })

  it('is plain data, and empty for nobody', () => {
    expect(topologyOf([])).toEqual({ services: [], events: [] })
    const topology = topologyOf([order, inventory])
    expect(JSON.parse(JSON.stringify(topology))).toEqual(topology)
  })
})
