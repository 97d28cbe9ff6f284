import { describe, expect, it } from '@jest/globals'
import type { AnyEventType, Event } from '@troupe/core'
import { openingStock } from '@troupe-demo/inventory'
import { inventory, stock } from '@troupe-demo/inventory/on-documents'
import { order, orderStatus } from '@troupe-demo/order'
import { charge, payment } from '@troupe-demo/payment'
import { shipping } from '@troupe-demo/shipping'
import fc from 'fast-check'
import { asNew, documentIn, hear, meet, type Remembering, timeMs } from './one-service.test.kit.ts'
import { gatewayAnswer } from './gateway-answer.test.kit.ts'
import { sampleOf } from './sample-event.test.kit.ts'
import {
  type Step,
  stepAfter,
  type StepState,
  stepsOf,
  type Wait,
  waitsAfter,
  waitsOf,
} from './steps-as-specified.test.kit.ts'

const services = [order, payment, inventory, shipping]
const steps = stepsOf(services)
const waits = waitsOf(services)

/** Three sagas that meet in one article, of which there is one. */
const orders: Readonly<Record<string, { readonly sku: string; readonly cardToken: string }>> = {
  o1: { sku: 'rare-print', cardToken: 'tok_visa' },
  o2: { sku: 'rare-print', cardToken: 'tok_visa' },
  o3: { sku: 'book', cardToken: 'tok_declined' },
}
const totalCents = 2_500

/** An event on its way to a service; `copy` tells apart what is said twice, under two ids. */
interface Arrival {
  readonly service: string
  readonly type: string
  readonly saga: string
  readonly copy: number
}

/** What the specification keeps: states of steps, and which events were heard. */
interface Specified {
  readonly states: Map<string, StepState>
  readonly heard: Set<string>
  readonly aside: Arrival[]
  /** Sagas in which a deadline waits, by what it would say. */
  readonly waiting: ReadonlyMap<string, Set<string>>
}

/** What the services keep. */
interface Real {
  readonly services: Map<string, Remembering>
  readonly said: { readonly saga: string; readonly type: string; readonly id: string }[]
}

const types = new Map<string, AnyEventType>(
  services.flatMap(({ hears }) => hears.map((type) => [type.type, type])),
)

function eventOf({ type, saga, copy }: Arrival): Event {
  const known = types.get(type) as AnyEventType
  const { sku, cardToken } = orders[saga] ?? { sku: '', cardToken: '' }
  const special = {
    orderId: saga,
    items: [{ sku, quantity: 1, priceCents: totalCents }],
    totalCents,
    cardToken,
  }
  return {
    id: `${type} ${saga} ${copy}`,
    type,
    source: known.owner,
    timeMs,
    key: saga,
    correlationId: saga,
    causationId: undefined,
    traceparent: undefined,
    tracestate: undefined,
    data: sampleOf(known, special),
  }
}

/** Has the services hear these events, one after the other; nothing is kept until the caller keeps it. */
function handle(before: Real['services'], arrivals: readonly Arrival[]) {
  const after = new Map(before)
  const says: Event[] = []
  for (const arrival of arrivals) {
    const service = services.find(({ name }) => name === arrival.service)
    if (!service) throw new Error(`There is no service ${arrival.service}.`)
    const { next, says: more } = hear(
      service,
      after.get(service.name) ?? asNew,
      eventOf(arrival),
      gatewayAnswer,
    )
    after.set(service.name, next)
    says.push(...more)
  }
  return { after, says }
}

/** What the specification says of one arrival. */
function specify(model: Specified, { service, type, saga, copy }: Arrival): readonly string[] {
  const name = `${service} ${type} ${saga} ${copy}`
  if (model.heard.has(name)) return []
  model.heard.add(name)
  const said = steps
    .filter((step) => step.service === service)
    .flatMap((step) => {
      const key = `${step.done} ${saga}`
      const { state, says } = stepAfter(
        model.states.get(key) ?? 'open',
        step,
        type,
        canBeDone(model, step, saga),
      )
      model.states.set(key, state)
      return says
    })
  for (const wait of waits.filter((one) => one.service === service)) {
    const sagas = waitingFor(model, wait)
    if (waitsAfter(sagas.has(saga), wait, type, said)) sagas.add(saga)
    else sagas.delete(saga)
  }
  return said
}

function waitingFor({ waiting }: Pick<Specified, 'waiting'>, { says }: Wait): Set<string> {
  return waiting.get(says) ?? new Set()
}

/** Whether the step would find what it needs: a good card, a piece that nobody holds. */
function canBeDone(model: Specified, { service }: Step, saga: string): boolean {
  if (service === 'payment') return orders[saga]?.cardToken === 'tok_visa'
  if (service !== 'inventory') return true
  const sku = orders[saga]?.sku ?? ''
  return heldOf(model, sku) < (openingStock.get(sku) ?? 0)
}

/** How many of an article are held: each order has one of it. */
function heldOf({ states }: Pick<Specified, 'states'>, sku: string): number {
  return Object.keys(orders).filter(
    (saga) => orders[saga]?.sku === sku && states.get(`InventoryReserved ${saga}`) === 'done',
  ).length
}

/** Where the services are: steps, money, stock, and how each order ended. */
function found({ services: remembered, said }: Real) {
  const of = (service: string) => remembered.get(service) ?? asNew
  return Object.entries(orders).map(([saga, { sku }]) => {
    const { chargedCents, refundedCents } = documentIn(of('payment'), charge(saga))
    const { free, held } = documentIn(of('inventory'), stock(sku))
    const { state } = documentIn(of('order'), orderStatus(saga))
    const ends = said.filter((one) => one.saga === saga && /^Order(Completed|Cancelled)$/.test(one.type))
    return {
      steps: steps.map(({ service, done }) => {
        const stored = of(service).ledger.steps.find((one) => one.step === done && one.saga === saga)
        return stored?.state ?? 'open'
      }),
      keptCents: chargedCents - refundedCents,
      stock: { free, held },
      // It ends once at most, and is what it ended as.
      ends: ends.map(({ type }) => type.slice('Order'.length).toLowerCase()),
      end: state === 'unknown' ? [] : [state],
      waits: [...remembered.values()].flatMap(({ pending }) =>
        pending.flatMap((one) => (one.saga === saga ? [one.event.type] : [])),
      ),
    }
  })
}

/** Where the specification has them; how an order ends is for the order to decide. */
function specified({ states, waiting }: Specified, at: ReturnType<typeof found>): ReturnType<typeof found> {
  const isDone = (event: string, saga: string) => states.get(`${event} ${saga}`) === 'done'
  return Object.entries(orders).map(([saga, { sku }], index) => {
    const held = heldOf({ states }, sku)
    return {
      steps: steps.map(({ done }) => states.get(`${done} ${saga}`) ?? 'open'),
      keptCents: isDone('PaymentProcessed', saga) ? totalCents : 0,
      stock: { free: (openingStock.get(sku) ?? 0) - held, held },
      ends: at[index]?.end ?? [],
      end: at[index]?.end ?? [],
      waits: waits.filter((wait) => waitingFor({ waiting }, wait).has(saga)).map(({ says }) => says),
    }
  })
}

function agree(model: Specified, real: Real): void {
  const at = found(real)
  const should = specified(model, at)
  // `expect` costs more than all the rest.
  if (JSON.stringify(at) !== JSON.stringify(should)) expect(at).toEqual(should)
}

const ofSteps = new Set(steps.flatMap(({ done, undone }) => [done, ...undone]))

type StepCommand = fc.Command<Specified, Real>

/** A batch comes, the process dies before it settles as often as this, and the batch comes again and is settled. */
function comes(batch: readonly Arrival[], crashes: number): StepCommand {
  return {
    check: () => true,
    run(model, real) {
      const idsOf = (said: readonly Event[]) => said.map(({ id }) => id).join()
      const lost = Array.from({ length: crashes }, () => idsOf(handle(real.services, batch).says))
      const { after, says } = handle(real.services, batch)
      // Whatever was lost would have said the same, under the same ids.
      for (const ids of lost) if (ids !== idsOf(says)) expect(ids).toBe(idsOf(says))
      for (const [name, next] of after) real.services.set(name, next)
      real.said.push(...says.map(({ id, type, correlationId: saga }) => ({ id, type, saga })))
      const expected = batch.flatMap((arrival) => specify(model, arrival))
      const ofThem = says.map(({ type }) => type).filter((type) => ofSteps.has(type))
      if (ofThem.join() !== expected.join()) expect(ofThem).toEqual(expected)
      agree(model, real)
    },
    toString: () => `comes(${batch.map(nameOf).join(', ')}${crashes > 0 ? `; ${crashes} times lost` : ''})`,
  }
}

/** An event is parked or dead-lettered: nothing happens yet. */
function isSetAside(arrival: Arrival): StepCommand {
  return {
    check: () => true,
    run: (model) => void model.aside.push(arrival),
    toString: () => `isSetAside(${nameOf(arrival)})`,
  }
}

/** What was set aside is redriven, whichever comes first: it is heard now, under its own id; and maybe once more. */
function isRedriven(nth: number, isTwice: boolean): StepCommand {
  return {
    check: ({ aside }) => aside.length > 0,
    run(model, real) {
      const redriven = model.aside.splice(nth % model.aside.length, 1)
      comes(redriven, 0).run(model, real)
      if (isTwice) comes(redriven, 0).run(model, real)
    },
    toString: () => `isRedriven(${nth}${isTwice ? ', twice' : ''})`,
  }
}

/** Time passes: every deadline of the saga that waits is said, and no other. */
function timeIsUp(saga: string): StepCommand {
  return {
    check: () => true,
    run(model, real) {
      const said = [...real.services].flatMap(([name, before]) =>
        before.pending
          .filter((one) => one.saga === saga)
          .flatMap((one) => {
            const { next, says } = meet(real.services.get(name) ?? before, one)
            real.services.set(name, next)
            return says.map(({ type }) => type)
          }),
      )
      const due = waits.filter((wait) => waitingFor(model, wait).delete(saga)).map(({ says }) => says)
      expect(said.toSorted()).toEqual(due.toSorted())
      agree(model, real)
    },
    toString: () => `timeIsUp(${saga})`,
  }
}

function nameOf({ service, type, saga, copy }: Arrival): string {
  return `${service} ${type} ${saga}${copy > 1 ? `, said again` : ''}`
}

const arrival: fc.Arbitrary<Arrival> = fc
  .constantFrom(...services.flatMap(({ name, hears }) => hears.map(({ type }) => ({ service: name, type }))))
  .chain((what) =>
    fc.record({
      service: fc.constant(what.service),
      type: fc.constant(what.type),
      saga: fc.constantFrom(...Object.keys(orders)),
      copy: fc.constantFrom(1, 1, 2),
    }),
  )

const commands = fc.commands(
  [
    fc
      .tuple(fc.array(arrival, { minLength: 1, maxLength: 4 }), fc.constantFrom(0, 0, 1))
      .map((all) => comes(...all)),
    arrival.map((one) => comes([one], 0)),
    arrival.map(isSetAside),
    fc.tuple(fc.nat({ max: 5 }), fc.boolean()).map((all) => isRedriven(...all)),
    fc.constantFrom(...Object.keys(orders)).map(timeIsUp),
  ],
  { maxCommands: 60, size: 'max' },
)

function begun(): { readonly model: Specified; readonly real: Real } {
  return {
    model: {
      states: new Map(),
      heard: new Set(),
      aside: [],
      waiting: new Map(waits.map(({ says }) => [says, new Set()])),
    },
    real: { services: new Map(), said: [] },
  }
}

describe('the services of the order story', () => {
  it('are as the page on steps says, in whatever order events come, twice, lost in a crash, or redriven, and whenever time is up', () => {
    fc.assert(
      fc.property(commands, (all) => fc.modelRun(begun, all)),
      { numRuns: 150 },
    )
  })

  it('meet every state and every row of that page on the way', () => {
    const rows = new Set<string>()
    for (const arrivals of fc.sample(fc.array(arrival, { maxLength: 60, size: 'max' }), {
      numRuns: 100,
      seed: 1,
    })) {
      const { model } = begun()
      for (const one of arrivals) {
        const before = new Map(model.states)
        specify(model, one)
        for (const [key, state] of model.states) rows.add(`${before.get(key) ?? 'open'} → ${state}`)
      }
    }
    expect([...rows].toSorted()).toEqual([
      'barred → barred',
      'done → done',
      'done → undone',
      'open → barred',
      'open → done',
      'open → open',
      'undone → undone',
    ])
  })
})
