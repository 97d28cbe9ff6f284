import { describe, expect, it } from '@jest/globals'
import { type Delivery, recallFor } from './delivery.ts'
import { isTroupeError } from '../errors.ts'
import type { AnyEventType } from '../declare/event-type.ts'
import {
  decoded,
  deliver,
  eventType,
  handle,
  ids,
  PaymentProcessed,
  ShippingFailed,
  stockAtFirst,
} from '../fixtures.test.kit.ts'
import { effectsOf } from '../memory/effects.test.kit.ts'
import { memoryLedger, type MemoryLedger } from '../memory/memory-ledger.ts'
import type { Event } from '../declare/event-type.ts'
import { reaction, undo } from '../declare/reaction.ts'
import { service, type Service } from '../declare/service.ts'
import { type WorkingSet, workingSet } from './working-set.ts'

const items = [{ sku: 'book', quantity: 2 }]
const pay = (id = 'paid') => deliver(PaymentProcessed, { orderId: 'o1', items }, { id })
const callOff = (id = 'called off') => deliver(ShippingFailed, { orderId: 'o1' }, { id })

function decide(work: readonly Delivery[], ledger: MemoryLedger): WorkingSet {
  const set = workingSet(ledger.recall(recallFor(work, ids).request))
  for (const one of work) handle(one, set)
  return set
}

/** What comes of events that are handled one after the other, each in a batch of its own. */
function after(...work: readonly Delivery[]) {
  const ledger = memoryLedger({ nowMs: () => 0 })
  for (const one of work) ledger.settle(decide([one], ledger).writes())
  return found(ledger)
}

function found(ledger: MemoryLedger) {
  const { outbox, inbox, steps } = effectsOf(ledger)
  const [step] = Object.values(steps as Record<string, { readonly state: string }>)
  const { state } = ledger.tables.documents.get('stock/book') ?? { state: { held: 0, free: stockAtFirst } }
  const { held, free } = state as { readonly held: number; readonly free: number }
  return {
    says: outbox.map(({ headers }) => String(headers['ce_type'])),
    outcomes: inbox.map(({ outcome }) => outcome),
    step: step?.state ?? 'open',
    held,
    lost: stockAtFirst - held - free,
  }
}

describe('an undo', () => {
  it('that comes before its step keeps it from ever being done', () => {
    expect(after(callOff(), pay(), pay('paid again'))).toEqual({
      says: [],
      outcomes: ['barred', 'step-barred', 'step-barred'],
      step: 'barred',
      held: 0,
      lost: 0,
    })
  })

  it('is not taken back by its step, which comes again after it', () => {
    expect(after(pay(), callOff(), pay('paid again'))).toEqual({
      says: ['InventoryReserved', 'InventoryReleased'],
      outcomes: ['applied', 'applied', 'step-barred'],
      step: 'undone',
      held: 0,
      lost: 0,
    })
  })

  it('that comes twice undoes once, under one id or under two', () => {
    expect(after(pay(), callOff(), callOff(), callOff('called off again'))).toEqual({
      says: ['InventoryReserved', 'InventoryReleased'],
      outcomes: ['applied', 'applied', 'undo-repeated'],
      step: 'undone',
      held: 0,
      lost: 0,
    })
  })

  it.each<[string, () => Delivery, () => Delivery, readonly string[], string]>([
    ['its step settles first', pay, callOff, ['InventoryReserved', 'InventoryReleased'], 'undone'],
    ['it settles first', callOff, pay, [], 'barred'],
  ])(
    'that is decided while its step is, in another instance, ends one way where %s',
    (_who, faster, slower, says, step) => {
      const ledger = memoryLedger({ nowMs: () => 0 })
      const [first, second] = [decide([faster()], ledger), decide([slower()], ledger)]
      ledger.settle(first.writes())
      const conflict = thrownBy(() => ledger.settle(second.writes()))
      expect(isTroupeError(conflict, 'TROUPE_CONFLICT')).toBe(true)
      ledger.settle(decide([slower()], ledger).writes())
      expect(found(ledger)).toMatchObject({ says, step, held: 0, lost: 0 })
    },
  )
})

describe('a chain of three steps', () => {
  it.each([1, 2, 3])('of which %d are done when somebody fails is undone in reverse order', (done) => {
    const chain = [
      ...names.slice(0, done),
      ...names
        .slice(0, done)
        .toReversed()
        .map((name) => `${name} undone`),
    ]
    expect(run(company(done))).toEqual(chain)
  })
})

const names = ['flight', 'hotel', 'car'] as const
const started = said('Started', 'trip')

function said(type: string, owner: string) {
  return eventType<string, { orderId: string }>(type, owner)
}

/** Three that book, each on hearing the one before, and one that fails behind so many of them. */
function company(done: number): readonly Service[] {
  const booked = names.map((name) => said(`${name} booked`, name))
  const cancelled = names.map((name) => said(`${name} cancelled`, name))
  const failed = said('failed', 'payer')
  const own = booked.slice(0, done).map((event, index) => {
    const book = reaction({
      on: booked[index - 1] ?? started,
      emits: [event],
      react: ({ data }, { emit }) => emit(event, data),
    })
    const calling: AnyEventType = index + 1 < done ? (cancelled[index + 1] as AnyEventType) : failed
    const cancel = undo(book, {
      undoes: event,
      on: calling as never,
      emits: [cancelled[index] as AnyEventType],
      react: (_event, { done: what, emit }) => emit(cancelled[index] as AnyEventType, what),
    })
    return service({ name: names[index] as string, reactions: { book, cancel } })
  })
  const fail = reaction({
    on: booked[done - 1] as AnyEventType,
    emits: [failed],
    react: ({ data }, { emit }) => emit(failed, data as { orderId: string }),
  })
  return [...own, service({ name: 'payer', reactions: { fail } })]
}

/** Runs a saga to its end, with a ledger for each service, and tells what was booked and cancelled, in order. */
function run(services: readonly Service[]): readonly string[] {
  const ledgers = new Map(services.map((one) => [one, memoryLedger({ nowMs: () => 0 })]))
  const story: string[] = []
  const queue: Pick<Event, 'id' | 'type' | 'data'>[] = [
    { id: 'start', type: 'Started', data: { orderId: 'o1' } },
  ]
  for (const { id, type, data } of queue) {
    if (type.endsWith(' booked')) story.push(type.replace(' booked', ''))
    if (type.endsWith(' cancelled')) story.push(type.replace(' cancelled', ' undone'))
    for (const [one, ledger] of ledgers) {
      const heard = one.hears.find((known) => known.type === type)
      if (!heard) continue
      const set = decide([deliver(heard, data, { id }, one)], ledger)
      ledger.settle(set.writes())
      for (const { id: next, headers, value } of set.writes().outbox)
        queue.push({ id: next, type: String(headers['ce_type']), data: decoded(value) })
    }
  }
  return story
}

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}
