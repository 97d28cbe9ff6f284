import { describe, expect, it } from '@jest/globals'
import { command } from './command.ts'
import {
  eventType,
  inventory,
  HoldOverdue,
  InventoryFailed,
  InventoryReleased,
  InventoryReserved,
  OrderWithdrawn,
  PaymentProcessed,
  refusal,
  releaseStock,
  reserveStock,
  ShippingFailed,
} from '../fixtures.test.kit.ts'
import { reaction, undo } from './reaction.ts'
import { type Ends, isService, service } from './service.ts'

const react = () => {}
const hear = (...on: (typeof PaymentProcessed | typeof ShippingFailed | typeof OrderWithdrawn)[]) =>
  reaction({ on, emits: [], react })

describe('a declared service', () => {
  it('knows what it hears, what it says and where', () => {
    expect(inventory).toMatchObject({
      name: 'inventory',
      topic: 'inventory.events',
      deadLetterTopic: 'inventory.dlq',
    })
    expect(inventory.hears.map(({ type }) => type)).toEqual([
      'PaymentProcessed',
      'ShippingFailed',
      'OrderWithdrawn',
      'StockCounted',
    ])
    expect(inventory.says).toEqual([InventoryReserved, InventoryFailed, InventoryReleased, HoldOverdue])
    expect(isService(inventory)).toBe(true)
    expect([{}, null, undefined, 'inventory'].map(isService)).toEqual([false, false, false, false])
  })

  it('keeps what its topic has to be like, frozen', () => {
    const topic = { partitions: 6, retentionMs: -1 }
    const { topicShape } = service({ name: 'order', reactions: {}, topic })
    topic.partitions = 1
    expect(topicShape).toEqual({ partitions: 6, retentionMs: -1 })
    expect(Object.isFrozen(topicShape)).toBe(true)
    expect(service({ name: 'order', reactions: {} }).topicShape).toEqual({})
  })

  it('knows which of its events end a saga, and refuses ends that it never says', () => {
    const ends = { completed: [InventoryReleased], cancelled: [InventoryFailed] }
    const reactions = { reserveStock, releaseStock }
    const made = service({ name: 'inventory', reactions, ends })
    expect(made.ends).toEqual({ ...ends, aside: [] })
    for (const [wrong, message] of [
      [{ completed: [ShippingFailed] }, /declares ShippingFailed as an end, which it never emits/],
      [{ ...ends, aside: [InventoryFailed] }, /declares InventoryFailed twice among its ends/],
      [{ ended: [InventoryFailed] }, /has no "ends\.ended"\. Use completed, cancelled or aside\./],
    ] as const)
      expect(
        refusal(() => service({ name: 'inventory', reactions, ends: wrong as Partial<Ends> })).message,
      ).toMatch(message)
  })

  it('binds each event to its reaction, and an undo to the step that it undoes', () => {
    const lifts = new Map([
      ['ShippingFailed', ['HoldOverdue']],
      ['OrderWithdrawn', ['HoldOverdue']],
    ])
    expect(inventory.reactions.get('PaymentProcessed')).toEqual({
      name: 'reserveStock',
      reaction: reserveStock,
      isStep: true,
      step: 'InventoryReserved',
      doneType: 'InventoryReserved',
      lifts,
    })
    expect(inventory.reactions.get('ShippingFailed')).toEqual({
      name: 'releaseStock',
      reaction: releaseStock,
      isStep: false,
      step: 'InventoryReserved',
      doneType: 'InventoryReserved',
      lifts,
    })
    expect(inventory.reactions.get('OrderWithdrawn')).toBe(inventory.reactions.get('ShippingFailed'))
    expect(inventory.reactions.get('StockCounted')).toMatchObject({ isStep: false, step: undefined })
  })

  it('keeps the names of its steps when reactions are renamed and hear more', () => {
    const wider = reaction({
      on: [OrderWithdrawn, PaymentProcessed],
      emits: [InventoryFailed, InventoryReserved],
      react,
    })
    const back = undo(wider, { undoes: InventoryReserved, on: ShippingFailed, emits: [], react })
    const later = service({ name: 'inventory', reactions: { holdGoods: wider, back } })
    expect(later.reactions.get('PaymentProcessed')?.step).toBe(
      inventory.reactions.get('PaymentProcessed')?.step,
    )
  })

  it('needs neither reactions nor commands', () => {
    expect(service({ name: 'quiet', reactions: {} })).toMatchObject({ hears: [], says: [] })
  })

  const withdraw = command({ emits: [OrderWithdrawn], react: () => {} })

  it('counts what its commands emit among what it says', () => {
    const order = service({ name: 'order', reactions: {}, commands: { withdraw } })
    expect(order.says).toEqual([OrderWithdrawn])
    expect(order.commands.get('withdraw')).toBe(withdraw)
  })

  const reserveTwice = reaction({ on: OrderWithdrawn, emits: [InventoryReserved], react })

  it.each<[string, () => unknown, RegExp]>([
    ['is malformed in its name', () => service({ name: 'Order', reactions: {} }), /cannot be named "Order"/],
    ['has an endless name', () => service({ name: 'o'.repeat(64), reactions: {} }), /cannot be named/],
    [
      'emits what another owns',
      () => service({ name: 'payment', reactions: { reserveStock } }),
      /payment emits InventoryReserved, which inventory owns/,
    ],
    [
      'emits by a command what another owns',
      () => service({ name: 'inventory', reactions: {}, commands: { withdraw } }),
      /inventory emits OrderWithdrawn, which order owns/,
    ],
    [
      'hears one event in two reactions',
      () => service({ name: 'a', reactions: { one: hear(PaymentProcessed), two: hear(PaymentProcessed) } }),
      /hears PaymentProcessed twice, in one and in two\. Do both in one reaction\./,
    ],
    [
      'hears one event in a reaction and an undo',
      () =>
        service({
          name: 'inventory',
          reactions: { reserveStock, releaseStock, other: hear(ShippingFailed) },
        }),
      /in releaseStock and in other\. Let the one that comes second hear an event that the first one emits\./,
    ],
    [
      'does not list the step of an undo',
      () => service({ name: 'inventory', reactions: { releaseStock } }),
      /releaseStock of service inventory undoes a step that the service does not list/,
    ],
    [
      'has two undos for one step',
      () => {
        const again = undo(reserveStock, {
          undoes: InventoryReserved,
          on: eventType('Late', 'x'),
          emits: [],
          react,
        })
        return service({ name: 'inventory', reactions: { reserveStock, releaseStock, again } })
      },
      /reserveStock of service inventory is undone twice, by releaseStock and by again/,
    ],
    [
      'has two steps that are done by one event',
      () => {
        const back = undo(reserveTwice, {
          undoes: InventoryReserved,
          on: eventType('Late', 'x'),
          emits: [],
          react,
        })
        const release = undo(reserveStock, {
          undoes: InventoryReserved,
          on: ShippingFailed,
          emits: [],
          react,
        })
        return service({ name: 'inventory', reactions: { reserveStock, release, reserveTwice, back } })
      },
      /Two steps of service inventory say by InventoryReserved that they are done, so its undos release and back/,
    ],
    [
      'knows two events of one name',
      () => {
        const namesake = eventType('PaymentProcessed', 'elsewhere')
        return service({
          name: 'a',
          reactions: { one: hear(PaymentProcessed), two: reaction({ on: namesake, emits: [], react }) },
        })
      },
      /hears PaymentProcessed twice/,
    ],
    [
      'says two events of one name',
      () => {
        const emits = [eventType('Same', 'a'), eventType('Same', 'a')]
        return service({ name: 'a', reactions: { one: reaction({ on: PaymentProcessed, emits, react }) } })
      },
      /Two different event types are named Same/,
    ],
    [
      'has a nameless reaction',
      () => service({ name: 'a', reactions: { '': hear(PaymentProcessed) } }),
      /named ""/,
    ],
    [
      'has a command whose name could be mistaken for another’s',
      () => service({ name: 'order', reactions: {}, commands: { 'place:now': withdraw } }),
      /reaction or command named "place:now"/,
    ],
    [
      'wants a topic of no partitions',
      () => service({ name: 'order', reactions: {}, topic: { partitions: 0 } }),
      /`topic\.partitions` of service order is 0\. Use a whole number from 1 to 10000/,
    ],
    [
      'wants its events kept for half a millisecond',
      () => service({ name: 'order', reactions: {}, topic: { retentionMs: 0.5 } }),
      /`topic\.retentionMs` of service order is 0\.5\..*or -1 for ever/,
    ],
    [
      'wants of its topic what Troupe does not know',
      () => service({ name: 'order', reactions: {}, topic: { replicas: 3 } as object }),
      /has no "topic\.replicas"\. Use partitions, replication or retentionMs\./,
    ],
  ])('is refused if it %s', (_what, declare, message) => {
    const error = refusal(declare)
    expect(error.code).toBe('TROUPE_DECLARATION_INVALID')
    expect(error.message).toMatch(message)
  })
})
