import { describe, expect, it } from '@jest/globals'
import { checkChoreography, type ChoreographyFlaw, type FlawKind } from './check-choreography.ts'
import { command } from '../declare/command.ts'
import { document } from '../declare/document.ts'
import type { AnyEventType } from '../declare/event-type.ts'
import { eventType } from '../fixtures.test.kit.ts'
import { type Reaction, reaction, undo } from '../declare/reaction.ts'
import { type Ends, type Service, service } from '../declare/service.ts'

// The order story, as small as it can be, so that each test can leave out or exchange a part of it.
const said = (type: string, owner: string) => eventType<string, { orderId: string }>(type, owner)
const Placed = said('Placed', 'order')
const Withdrawn = said('Withdrawn', 'order')
const Completed = said('Completed', 'order')
const Cancelled = said('Cancelled', 'order')
const Paid = said('Paid', 'payment')
const NotPaid = said('NotPaid', 'payment')
const Refunded = said('Refunded', 'payment')
const Held = said('Held', 'inventory')
const OutOfStock = said('OutOfStock', 'inventory')
const Released = said('Released', 'inventory')
const Shipped = said('Shipped', 'shipping')
const NotShipped = said('NotShipped', 'shipping')
const Earned = said('Earned', 'loyalty')

const book = document({ name: 'book', initial: () => ({}) })
const reads = () => [book('one')]
const react = () => {}
const calls = (...emits: AnyEventType[]) => command({ emits, react })
const hears = (on: readonly AnyEventType[], ...emits: AnyEventType[]) => reaction({ on, emits, reads, react })
const undoes = (step: Reaction, done: AnyEventType, on: readonly AnyEventType[], ...emits: AnyEventType[]) =>
  undo(step, { undoes: done, on: on as never, emits, react })

interface Parts {
  readonly order?: Readonly<Record<string, Reaction>>
  readonly commands?: Readonly<Record<string, ReturnType<typeof calls>>>
  readonly ends?: Partial<Ends>
  readonly refundOn?: readonly AnyEventType[]
  readonly releaseOn?: readonly AnyEventType[]
  readonly releaseSays?: readonly AnyEventType[]
  readonly ship?: Reaction
  readonly others?: readonly Service[]
}

function story(parts: Parts = {}): readonly Service[] {
  const charge = hears([Placed], Paid, NotPaid)
  const refund = undoes(charge, Paid, parts.refundOn ?? [OutOfStock, Released], Refunded)
  const hold = hears([Paid], Held, OutOfStock)
  const release = undoes(hold, Held, parts.releaseOn ?? [NotShipped], ...(parts.releaseSays ?? [Released]))
  return [
    service({
      name: 'order',
      commands: { place: calls(Placed), ...parts.commands },
      reactions: {
        complete: hears([Shipped], Completed),
        cancel: hears([NotPaid, Refunded], Cancelled),
        ...parts.order,
      },
      ends: parts.ends ?? { completed: [Completed], cancelled: [Cancelled] },
    }),
    service({ name: 'payment', reactions: { charge, refund } }),
    service({ name: 'inventory', reactions: { hold, release } }),
    service({ name: 'shipping', reactions: { ship: parts.ship ?? hears([Held], Shipped, NotShipped) } }),
    ...(parts.others ?? []),
  ]
}

function flawsOf(services: readonly Service[]): readonly (readonly [FlawKind, string, string])[] {
  return checkChoreography(services).flaws.map(({ kind, at, event }) => [kind, at, event])
}

function flawOf(services: readonly Service[], wanted: FlawKind): ChoreographyFlaw {
  const [flaw, ...more] = checkChoreography(services).flaws.filter(({ kind }) => kind === wanted)
  if (!flaw || more.length > 0) throw new Error(`Not one flaw: ${JSON.stringify([flaw, ...more])}`)
  return flaw
}

describe('a choreography that is whole', () => {
  it('has a way back for every step and every failure that may come after it', () => {
    expect(checkChoreography(story())).toEqual({
      undone: [
        { step: 'payment.charge', failure: 'OutOfStock', undo: 'payment.refund', way: ['OutOfStock'] },
        {
          step: 'payment.charge',
          failure: 'NotShipped',
          undo: 'payment.refund',
          way: ['NotShipped', 'Released'],
        },
        { step: 'inventory.hold', failure: 'NotShipped', undo: 'inventory.release', way: ['NotShipped'] },
      ],
      standing: [],
      loops: [],
      flaws: [],
    })
  })

  it('is also that of a service beside it, which hears what the others say', () => {
    const earn = hears([Placed], Earned)
    const others = [
      service({
        name: 'loyalty',
        reactions: { earn, takeBack: undoes(earn, Earned, [Cancelled]) },
        ends: { aside: [Earned] },
      }),
    ]
    const { flaws, undone } = checkChoreography(story({ others }))
    expect(flaws).toEqual([])
    expect(undone.filter(({ step }) => step === 'loyalty.earn')).toEqual([
      { step: 'loyalty.earn', failure: 'NotPaid', undo: 'loyalty.takeBack', way: ['NotPaid', 'Cancelled'] },
      {
        step: 'loyalty.earn',
        failure: 'OutOfStock',
        undo: 'loyalty.takeBack',
        way: ['OutOfStock', 'Refunded', 'Cancelled'],
      },
      {
        step: 'loyalty.earn',
        failure: 'NotShipped',
        undo: 'loyalty.takeBack',
        way: ['NotShipped', 'Released', 'Refunded', 'Cancelled'],
      },
    ])
  })

  it('has nothing to undo in a saga of another kind, which begins and fails by itself', () => {
    const [Opened, Refused] = [said('Opened', 'order'), said('Refused', 'order')]
    const commands = { open: calls(Opened, Refused) }
    const ends = { completed: [Completed, Opened], cancelled: [Cancelled, Refused] }
    expect(flawsOf(story({ commands, ends }))).toEqual([])
  })
})

describe('a step that a failure does not undo', () => {
  it('is named with the failure, where its undo no longer hears what leads there', () => {
    expect(flawsOf(story({ refundOn: [OutOfStock] }))).toEqual([
      ['nobody-hears', 'inventory.release', 'Released'],
      ['not-undone', 'payment.charge', 'NotShipped'],
    ])
    expect(flawOf(story({ refundOn: [OutOfStock] }), 'not-undone').text).toBe(
      'NotShipped does not lead to payment.refund, so what payment.charge did would stay. Let payment.refund hear NotShipped, or what follows from it: Released.',
    )
  })

  it('is named where the saga is cancelled past it', () => {
    const order = { cancel: hears([NotPaid, Refunded, NotShipped], Cancelled) }
    const flaws = flawsOf(story({ order, releaseOn: [Withdrawn], commands: { withdraw: calls(Withdrawn) } }))
    expect(flaws).toContainEqual(['not-undone', 'inventory.hold', 'NotShipped'])
    expect(flaws).toContainEqual(['not-undone', 'payment.charge', 'NotShipped'])
  })

  it('is named where an undo on the way says nothing, because its own step may not be done yet', () => {
    const commands = { withdraw: calls(Withdrawn) }
    const broken = story({ commands, releaseOn: [NotShipped, Withdrawn] })
    expect(flawsOf(broken)).toEqual([
      ['not-undone', 'payment.charge', 'Withdrawn'],
      ['no-undo', 'order.complete', 'Withdrawn'],
      ['no-undo', 'shipping.ship', 'Withdrawn'],
    ])
    expect(flawOf(broken, 'not-undone').text).toBe(
      'Withdrawn leads to payment.refund only through an undo that says nothing where its own step was not done yet, so what payment.charge did would stay. Let payment.refund hear Withdrawn.',
    )
  })

  it('is named where two services go on side by side and one of them fails', () => {
    const [Checked, Suspicious] = [said('Checked', 'fraud'), said('Suspicious', 'fraud')]
    const fraud = service({
      name: 'fraud',
      reactions: { check: hears([Placed], Checked, Suspicious) },
      ends: { aside: [Checked] },
    })
    const cancelling = { cancel: hears([NotPaid, Refunded, Suspicious], Cancelled) }
    const flaws = flawsOf(story({ others: [fraud], order: cancelling }))
    expect(flaws).toContainEqual(['not-undone', 'payment.charge', 'Suspicious'])
    expect(flaws).toContainEqual(['not-undone', 'inventory.hold', 'Suspicious'])
  })
})

describe('a reaction that may change something and has no undo', () => {
  const Refused = said('Refused', 'carrier')
  const carrier = service({ name: 'carrier', reactions: { fetch: hears([Shipped], Refused) } })
  const parts = (ship: Reaction): Parts => ({ ship, others: [carrier], releaseOn: [NotShipped, Refused] })

  it('is named with the failure that may come after it', () => {
    const flaws = flawsOf(story(parts(hears([Held], Shipped, NotShipped))))
    expect(flaws).toContainEqual(['no-undo', 'shipping.ship', 'Refused'])
  })

  it('may be declared to stand, and is listed then', () => {
    const ship = reaction({ on: [Held], emits: [Shipped, NotShipped], reads, final: true, react })
    const { flaws, standing } = checkChoreography(story(parts(ship)))
    expect(flaws.map(({ at }) => at)).not.toContain('shipping.ship')
    expect(standing).toEqual([{ reaction: 'shipping.ship', failure: 'Refused' }])
  })

  it('needs none if it changes nothing: it names no documents and calls nobody', () => {
    const ship = reaction({ on: [Held], emits: [Shipped, NotShipped], react })
    expect(flawsOf(story(parts(ship))).map(([, at]) => at)).not.toContain('shipping.ship')
    const calling = reaction({ on: [Held], emits: [Shipped, NotShipped], perform: async () => 1, react })
    expect(flawsOf(story(parts(calling))).map(([, at]) => at)).toContain('shipping.ship')
  })
})

describe('a deadline', () => {
  const [Overdue, Abandoned] = [said('Overdue', 'order'), said('Abandoned', 'order')]
  const late = { data: () => ({ orderId: 'o1' }), afterMs: 1_000, liftedBy: [Shipped, NotPaid, Refunded] }
  const place = command({ emits: [Placed], deadline: { from: Placed, emit: Overdue, ...late }, react })
  const parts: Parts = {
    commands: { place },
    order: {
      complete: reaction({ on: [Shipped], emits: [Completed], reads, final: true, react }),
      abandon: hears([Overdue], Abandoned, Cancelled),
    },
  }

  it('may be met when everything has been done: what it leads to has to reach every undo by itself', () => {
    const flaws = flawsOf(story({ ...parts, releaseOn: [NotShipped, Abandoned] }))
    expect(flaws).toContainEqual(['not-undone', 'payment.charge', 'Overdue'])
    expect(flaws).not.toContainEqual(['not-undone', 'inventory.hold', 'Overdue'])
    expect(flaws).toContainEqual(['no-undo', 'shipping.ship', 'Overdue'])
  })

  it('that calls for every undo at once leaves standing what is final', () => {
    const ship = reaction({ on: [Held], emits: [Shipped, NotShipped], reads, final: true, react })
    const releaseOn = [NotShipped, Abandoned]
    const refundOn = [OutOfStock, Released, Abandoned]
    const { flaws, undone, standing } = checkChoreography(story({ ...parts, ship, releaseOn, refundOn }))
    expect(flaws).toEqual([])
    const ways = undone.filter(({ failure }) => failure === 'Overdue').map(({ step, way }) => [step, way])
    expect(ways).toEqual([
      ['payment.charge', ['Overdue', 'Abandoned']],
      ['inventory.hold', ['Overdue', 'Abandoned']],
    ])
    expect(standing).toEqual([
      { reaction: 'order.complete', failure: 'Overdue' },
      { reaction: 'shipping.ship', failure: 'Overdue' },
    ])
  })

  it('whose event nobody hears is named', () => {
    expect(flawsOf(story({ commands: { place } })).map(([kind, , event]) => [kind, event])).toContainEqual([
      'nobody-hears',
      'Overdue',
    ])
  })
})

describe('undoing', () => {
  it('in another order than the reverse one is named', () => {
    const early = story({
      refundOn: [OutOfStock, NotShipped],
      releaseSays: [Released],
      ends: { completed: [Completed], cancelled: [Cancelled] },
    })
    expect(flawsOf(early)).toEqual([
      ['nobody-hears', 'inventory.release', 'Released'],
      ['undone-too-early', 'payment.refund', 'NotShipped'],
    ])
    expect(flawOf(early, 'undone-too-early').text).toBe(
      'payment.refund hears NotShipped, so payment.charge may be undone before inventory.hold, which came after it. Let it hear what inventory.release says (Released).',
    )
  })

  it('by an event that never comes once the step is done is named', () => {
    const Warned = said('Warned', 'fraud')
    const fraud = service({ name: 'fraud', reactions: { warn: hears([NotPaid], Warned) } })
    expect(flawsOf(story({ refundOn: [OutOfStock, Released, Warned], others: [fraud] }))).toEqual([
      ['undo-never-called', 'payment.refund', 'Warned'],
    ])
  })
})

describe('an event', () => {
  it('that nobody hears and that is no end is named', () => {
    expect(flawsOf(story({ order: { cancel: hears([NotPaid], Cancelled) } }))).toEqual([
      ['nobody-hears', 'payment.refund', 'Refunded'],
    ])
    expect(flawsOf(story({ ends: { completed: [Completed] } }))).toEqual([
      ['nobody-hears', 'order.cancel', 'Cancelled'],
    ])
  })

  it('that its owner never says is named', () => {
    const order = { thank: hears([said('Thanked', 'payment')]) }
    expect(flawsOf(story({ order }))).toEqual([['never-said', 'order.thank', 'Thanked']])
  })

  it('that completes a saga must be declared somewhere, or failures cannot be told', () => {
    expect(flawsOf(story({ ends: { aside: [Completed, Cancelled] } }))).toEqual([
      ['no-completion', 'payment.charge', ''],
    ])
  })
})

describe('a loop', () => {
  it('of plain reactions is told, once; one that a step cuts is not', () => {
    const [Asked, Answered] = [said('Asked', 'left'), said('Answered', 'right')]
    const loop = [
      service({ name: 'left', reactions: { ask: hears([Answered], Asked) } }),
      service({ name: 'right', reactions: { answer: hears([Asked], Answered) } }),
    ]
    expect(checkChoreography(loop).loops).toEqual([['left.ask', 'right.answer']])
    const ask = hears([Answered], Asked)
    const cut = service({ name: 'left', reactions: { ask, take: undoes(ask, Asked, [Cancelled]) } })
    expect(checkChoreography([cut, loop[1] as Service]).loops).toEqual([])
  })
})

describe('services that are checked without the others', () => {
  it('are told what nobody here hears, and take what comes from outside for possible', () => {
    const [, , inventory] = story()
    expect(flawsOf([inventory as Service])).toEqual([
      ['nobody-hears', 'inventory.hold', 'Held'],
      ['nobody-hears', 'inventory.hold', 'OutOfStock'],
      ['nobody-hears', 'inventory.release', 'Released'],
      ['no-completion', 'inventory.hold', ''],
    ])
  })
})
