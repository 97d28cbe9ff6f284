import { describe, expect, it } from '@jest/globals'
import { command } from './command.ts'
import { decideOn } from '../batch/react.ts'
import {
  ask,
  deciding,
  decoded,
  deliver,
  eventType,
  handle,
  HoldOverdue,
  inventory,
  InventoryReserved,
  InventoryFailed,
  nothingStored,
  OrderWithdrawn,
  PaymentProcessed,
  refusal,
  reserveStock,
  ShippingFailed,
  StockCounted,
} from '../fixtures.test.kit.ts'
import { commandLane, type DeadlineWrite } from '../ports.ts'
import { reaction, type ReactContext } from './reaction.ts'
import { service } from './service.ts'
import { workingSet } from '../batch/working-set.ts'

const items = [{ sku: 'book', quantity: 1 }]
const paid = (envelope = {}) => deliver(PaymentProcessed, { orderId: 'o1', items }, envelope)

function writesOf(...deliveries: readonly ReturnType<typeof deliver>[]) {
  const set = workingSet(nothingStored)
  for (const one of deliveries) handle(one, set)
  return set.writes()
}

/** What one reaction schedules and lifts. */
function scheduledBy(
  react: (context: ReactContext<typeof InventoryFailed>) => void,
  envelope = {},
): readonly DeadlineWrite[] {
  const scheduling = reaction({
    on: StockCounted,
    emits: [InventoryFailed],
    react: (_event, context) => react(context),
  })
  const set = workingSet(nothingStored)
  const told = { orderId: 'o1', sku: 'book', free: 1 }
  handle(
    deliver(StockCounted, told, envelope, service({ name: 'inventory', reactions: { scheduling } })),
    set,
  )
  return set.writes().deadlines
}

describe('a deadline', () => {
  it('is set when the event that it begins with is emitted, which is its cause', () => {
    const trace = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }
    const { deadlines, outbox } = writesOf(paid({ id: 'paid', correlationId: 'saga', ...trace }))
    expect(deadlines).toHaveLength(1)
    const { saga, name, set } = deadlines[0] as DeadlineWrite
    expect({ saga, name, due: set?.due }).toEqual({
      saga: 'saga',
      name: 'HoldOverdue',
      due: { afterMs: 60_000 },
    })
    const record = set?.record
    expect(record).toMatchObject({ lane: commandLane, topic: 'inventory.events', key: 'o1' })
    expect(record?.headers).toMatchObject({
      ce_type: 'HoldOverdue',
      ce_correlationid: 'saga',
      ce_causationid: outbox[0]?.id,
      ...trace,
    })
    expect(decoded(record?.value)).toEqual({ orderId: 'o1', skus: ['book'] })
  })

  it('is not set when that event is not emitted', () => {
    const short = deliver(PaymentProcessed, { orderId: 'o1', items: [{ sku: 'book', quantity: 9_999 }] })
    expect(writesOf(short).deadlines).toEqual([])
  })

  it('has the same id each time its cause is handled, and another one for another cause', () => {
    const idOf = (id: string) => writesOf(paid({ id })).deadlines[0]?.set?.record.id
    expect(idOf('one')).toBe(idOf('one'))
    expect(idOf('one')).not.toBe(idOf('other'))
  })

  it('lasts as long as the process is told', () => {
    const set = workingSet(nothingStored)
    handle(paid(), set, { ...deciding, deadlinesMs: { HoldOverdue: 5, Other: 6 } })
    expect(set.writes().deadlines[0]?.set?.due).toEqual({ afterMs: 5 })
  })

  it('is lifted by what it waits for, whatever else comes of that', () => {
    const lifted = [{ saga: 'o1', name: 'HoldOverdue', set: undefined }]
    const failed = deliver(ShippingFailed, { orderId: 'o1' })
    expect(writesOf(failed).inbox[0]?.outcome).toBe('barred')
    expect(writesOf(failed).deadlines).toEqual(lifted)
    expect(writesOf(paid(), failed).deadlines).toEqual(lifted)
    expect(writesOf(paid(), failed, deliver(OrderWithdrawn, { orderId: 'o1' })).deadlines).toEqual(lifted)
    expect(writesOf(deliver(StockCounted, { orderId: 'o1', sku: 'book', free: 1 })).deadlines).toEqual([])
  })

  it('is not lifted by a duplicate', () => {
    const failed = deliver(ShippingFailed, { orderId: 'o1' })
    const set = workingSet({ ...nothingStored, seen: [failed.event] })
    expect(handle(failed, set)).toBe('duplicate')
    expect(set.writes().deadlines).toEqual([])
  })

  it('makes the service hear answers to which it has no reaction, and do nothing else with them', () => {
    const alone = service({ name: 'inventory', reactions: { reserveStock } })
    expect(alone.hears).toEqual([PaymentProcessed, ShippingFailed, OrderWithdrawn])
    expect(alone.says).toContain(HoldOverdue)
    const set = workingSet(nothingStored)
    expect(handle(deliver(OrderWithdrawn, { orderId: 'o1' }, {}, alone), set)).toBe('run')
    const { inbox, outbox, deadlines } = set.writes()
    expect(inbox).toMatchObject([{ type: 'OrderWithdrawn', outcome: 'applied' }])
    expect(outbox).toEqual([])
    expect(deadlines).toEqual([{ saga: 'o1', name: 'HoldOverdue', set: undefined }])
  })

  it('of a command belongs to the saga that the command begins', () => {
    const count = command({
      emits: [InventoryReserved],
      deadline: {
        from: InventoryReserved,
        afterMs: 1_000,
        emit: HoldOverdue,
        data: ({ orderId }) => ({ orderId, skus: [] }),
        liftedBy: [ShippingFailed],
      },
      react: ({ orderId }: { orderId: string }, { emit }) => emit(InventoryReserved, { orderId, items }),
    })
    const counting = service({ name: 'inventory', reactions: {}, commands: { count } })
    const changes = decideOn(
      ask(counting, 'count', { orderId: 'o7' }),
      [],
      workingSet(nothingStored),
      deciding,
    )
    expect(changes.deadlines?.[0]).toMatchObject({ saga: 'o7', name: 'HoldOverdue' })
    expect(changes.deadlines?.[0]?.set?.record.headers['ce_causationid']).toBe(changes.outbox[0]?.id)
  })
})

describe('a declaration of a deadline', () => {
  const declare = (change: object) => () =>
    reaction({
      on: PaymentProcessed,
      emits: [InventoryReserved],
      deadline: {
        from: InventoryReserved,
        afterMs: 1_000,
        emit: HoldOverdue,
        data: ({ orderId }) => ({ orderId, skus: [] }),
        liftedBy: [ShippingFailed],
        ...change,
      },
      react() {},
    })

  it.each([
    ['that begins with what is never emitted', { from: InventoryFailed }],
    ['that waits for nothing', { liftedBy: [] }],
    ['that is lifted by its own event', { liftedBy: [HoldOverdue] }],
    ['that is lifted by what it begins with', { liftedBy: [InventoryReserved] }],
    ['that is due before it begins', { afterMs: -1 }],
    ['that is due after no number', { afterMs: Number.NaN }],
    ['that is due after a fraction', { afterMs: 0.5 }],
    ['that is due in a thousand years', { afterMs: 31_536_000_000_000 }],
  ])('is refused %s', (_what, change) => {
    expect(refusal(declare(change))).toMatchObject({ code: 'TROUPE_DECLARATION_INVALID' })
  })

  it('is refused where two of them emit one event, or one emits what another service owns', () => {
    const [first, second] = [declare({})(), { ...declare({})(), on: [StockCounted] }]
    expect(refusal(() => service({ name: 'inventory', reactions: { first, second } })).message).toContain(
      'Two deadlines of service inventory emit HoldOverdue',
    )
    const foreign = declare({ emit: eventType('OrderOverdue', 'order') })()
    expect(refusal(() => service({ name: 'inventory', reactions: { foreign } })).message).toContain(
      'OrderOverdue, which order owns',
    )
  })
})

describe('a scheduled event', () => {
  const failed = { orderId: 'o9', reason: 'too late' }

  it('is set after a delay or at a time, under its type or a name', () => {
    const writes = scheduledBy(
      ({ schedule }) => {
        schedule(InventoryFailed, failed, { afterMs: 5 })
        schedule(InventoryFailed, failed, { atMs: 7_000, name: 'second' })
      },
      { id: 'counted', correlationId: 'saga' },
    )
    expect(writes.map(({ saga, name, set }) => ({ saga, name, due: set?.due }))).toEqual([
      { saga: 'saga', name: 'InventoryFailed', due: { afterMs: 5 } },
      { saga: 'saga', name: 'second', due: { atMs: 7_000 } },
    ])
    const [one, other] = writes.map(({ set }) => set?.record)
    expect(one?.id).not.toBe(other?.id)
    expect(other).toMatchObject({ topic: 'inventory.events', key: 'o9' })
    expect(other?.headers).toMatchObject({
      ce_correlationid: 'saga',
      ce_causationid: 'counted',
      ce_time: '1970-01-01T00:00:07.000Z',
    })
  })

  it('is lifted by name or type, and what is said last of a name is what counts', () => {
    const writes = scheduledBy(({ schedule, lift }) => {
      schedule(InventoryFailed, failed, { afterMs: 5 })
      lift(InventoryFailed)
      lift('second')
      schedule(InventoryFailed, failed, { afterMs: 6, name: 'second' })
      lift('third', 'another saga')
    })
    expect(writes.map(({ saga, name, set }) => [saga, name, set?.due])).toEqual([
      ['o1', 'InventoryFailed', undefined],
      ['o1', 'second', { afterMs: 6 }],
      ['another saga', 'third', undefined],
    ])
  })

  it.each([
    ['TROUPE_SCHEDULE_INVALID', ({ schedule }) => schedule(InventoryFailed, failed, { afterMs: -1 })],
    ['TROUPE_SCHEDULE_INVALID', ({ schedule }) => schedule(InventoryFailed, failed, { atMs: 9e15 })],
    [
      'TROUPE_SCHEDULE_INVALID',
      ({ schedule }) => schedule(InventoryFailed, failed, { afterMs: 1, name: '' }),
    ],
    ['TROUPE_SCHEDULE_INVALID', ({ lift }) => lift('')],
    ['TROUPE_SCHEDULE_INVALID', ({ lift }) => lift('n'.repeat(201))],
    ['TROUPE_SCHEDULE_INVALID', ({ lift }) => lift('name', 'half \ud800')],
    [
      'TROUPE_EVENT_NOT_DECLARED',
      ({ schedule }) => schedule(HoldOverdue as never, failed as never, { afterMs: 1 }),
    ],
  ] as readonly (readonly [string, (context: ReactContext<typeof InventoryFailed>) => void])[])(
    'that cannot be is refused with %s',
    (code, react) => {
      expect(refusal(() => scheduledBy(react))).toMatchObject({ code })
    },
  )

  it('cannot be said after the reaction has returned', () => {
    let late: ReactContext<typeof InventoryFailed> | undefined
    scheduledBy((context) => void (late = context))
    expect(refusal(() => late?.lift('x')).code).toBe('TROUPE_REACTION_ASYNC')
    expect(refusal(() => late?.schedule(InventoryFailed, failed, { afterMs: 1 })).code).toBe(
      'TROUPE_REACTION_ASYNC',
    )
  })
})

it('is part of what a service is', () => {
  expect(inventory.deadlines.map(({ emit }) => emit.type)).toEqual(['HoldOverdue'])
})
