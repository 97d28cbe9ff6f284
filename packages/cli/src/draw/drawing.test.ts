import type { Topology } from '@troupe/core'
import { describe, expect, it } from '@jest/globals'
import type { Observer } from '../observe/observer.ts'
import { balanceOf } from '../observe/balance.ts'
import { noSums } from '../observe/sums.ts'
import { chain, sagaOf } from '../observe/sagas.test.kit.ts'
import { createSightings } from '../observe/sightings.ts'
import { expectations } from '../stories/orders.ts'
import { terminalOn } from '../terminal/terminal.ts'
import { balanceTable } from './balance-table.ts'
import { castOf } from './cast.ts'
import { liveDrawing } from './live-drawing.ts'
import { sagaHeading, sagaLine } from './saga-lines.ts'

const event = (type: string, owner: string, heardBy: readonly string[]) => ({
  type,
  owner,
  topic: `${owner}.events`,
  saidBy: [owner],
  heardBy,
})
const topology: Topology = {
  services: [
    {
      name: 'order',
      commands: [{ name: 'placeOrder', says: ['OrderReceived'] }],
      reactions: [
        {
          name: 'cancelOrder',
          form: 'reaction',
          hears: ['PaymentFailed', 'PaymentRefunded'],
          says: ['OrderCancelled'],
        },
      ],
    },
    {
      name: 'payment',
      commands: [],
      reactions: [
        {
          name: 'chargeCard',
          form: 'step',
          hears: ['OrderReceived'],
          says: ['PaymentProcessed', 'PaymentFailed'],
        },
        {
          name: 'refundCard',
          form: 'undo',
          hears: ['InventoryFailed'],
          says: ['PaymentRefunded'],
          undoes: 'chargeCard',
        },
      ],
    },
    {
      name: 'inventory',
      commands: [],
      reactions: [
        { name: 'reserveStock', form: 'step', hears: ['PaymentProcessed'], says: ['InventoryFailed'] },
      ],
    },
  ],
  events: [
    event('OrderReceived', 'order', ['payment']),
    event('PaymentProcessed', 'payment', ['inventory']),
    event('PaymentFailed', 'payment', ['order']),
    event('InventoryFailed', 'inventory', ['payment']),
    event('PaymentRefunded', 'payment', ['order']),
    event('OrderCancelled', 'order', []),
  ],
}
const cast = castOf(topology)

function screen(color = false) {
  const lines: string[] = []
  const terminal = terminalOn(
    { write: (text) => lines.push(...text.trimEnd().split('\n')) },
    { write: () => true },
    color ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' },
  )
  return { lines, terminal }
}

describe('the drawing of a saga', () => {
  it('says after how long who, on hearing what, did what and said what', () => {
    const { terminal } = screen()
    const saga = sagaOf('out of stock', 'o1', 1_000)
    const options = { cast, colors: terminal.colors, baseMs: 990 }
    expect([
      sagaHeading(cast, terminal.colors),
      ...saga.events.map((one) => sagaLine(one, saga, options)),
    ]).toEqual([
      '    ms  service    hears             does            says',
      '    10  order      POST /orders        placeOrder    OrderReceived',
      '    20  payment    OrderReceived       chargeCard    PaymentProcessed',
      '    30  inventory  PaymentProcessed    reserveStock  InventoryFailed',
      '    40  payment    InventoryFailed   ↶ refundCard    PaymentRefunded',
      '    50  order      PaymentRefunded     cancelOrder   OrderCancelled',
    ])
  })

  it('has colours where they are wanted', () => {
    const { terminal } = screen(true)
    const saga = sagaOf('card declined')
    const lines = saga.events.map((one) => sagaLine(one, saga, { cast, colors: terminal.colors, baseMs: 0 }))
    expect(lines[1]).toContain('\u001B[31mPaymentFailed')
  })
})

describe('the live drawing', () => {
  const follow = () => {
    const { lines, terminal } = screen()
    const { add, ...sightings } = createSightings()
    const drawing = liveDrawing(sightings as unknown as Observer, cast, terminal)
    return { lines, add, drawing }
  }
  const says = (lines: readonly string[]) => lines.map((line) => line.trim().split(/\s+/).at(-1))

  it('draws each event when it is there, after its cause', () => {
    const { lines, add, drawing } = follow()
    drawing.placed('o1', 0)
    const [received, failed, cancelled] = chain(expectations['card declined'].events)
    if (!received || !failed || !cancelled) throw new Error('three events')
    add(received)
    expect(says(lines)).toEqual(['OrderReceived'])
    add(cancelled)
    expect(says(lines)).toEqual(['OrderReceived'])
    add(failed)
    expect(says(lines)).toEqual(['OrderReceived', 'PaymentFailed', 'OrderCancelled'])
  })

  it('waits until it knows when the order was posted', () => {
    const { lines, add, drawing } = follow()
    for (const one of sagaOf('card declined').events) add(one)
    expect(lines).toEqual([])
    drawing.placed('o1', 0)
    expect(lines).toHaveLength(3)
  })

  it('draws a saga that began beside another one as one line, after it', () => {
    const { lines, add, drawing } = follow()
    drawing.placed('first', 0)
    drawing.placed('second', 0)
    const first = sagaOf('card declined', 'first').events
    for (const one of first.slice(0, 2)) add(one)
    for (const one of sagaOf('good', 'second').events) add(one)
    expect(lines).toHaveLength(2)
    for (const one of first.slice(2)) add(one)
    expect(lines[3]).toBe('    40  order second completed after 5 events')
  })

  it('draws nothing of what was there before it began', () => {
    const { lines, add, drawing } = follow()
    drawing.openHouse()
    for (const one of sagaOf('good').events) add({ ...one, isHistory: true })
    expect(lines).toEqual([])
    for (const one of sagaOf('card declined', 'new').events) add(one)
    expect([lines[0], ...says(lines.slice(1))]).toEqual([
      'order new',
      'OrderReceived',
      'PaymentFailed',
      'OrderCancelled',
    ])
  })
})

describe('the table of the balance', () => {
  it('shows both sides of each sum, and by how much they differ', () => {
    const books = {
      orders: 0,
      ordersCompleted: 0,
      ordersCancelled: 0,
      soldCents: {},
      piecesSold: 0,
      chargedCents: { EUR: 123_450 },
      refundedCents: {},
      takenCents: {},
      givenBackCents: {},
      ordersTakenTwice: 0,
      piecesFree: 5,
      piecesHeld: 0,
      piecesAtFirst: 5,
      shipmentsScheduled: 0,
    }
    const lines = balanceTable(balanceOf(noSums, books), screen().terminal.colors).split('\n')
    expect(lines.find((line) => line.startsWith('money charged'))).toMatch(
      /^money charged +0\.00 EUR +1,234\.50 EUR +payment +✗ 1,234\.50 EUR$/,
    )
    expect(lines.find((line) => line.startsWith('stock at first'))).toMatch(
      / 5 +5 +inventory: free \+ held +✓$/,
    )
  })
})
