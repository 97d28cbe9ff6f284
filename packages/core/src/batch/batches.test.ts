import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { admit } from './admit.ts'
import { type Delivery, recallFor } from './delivery.ts'
import type { Event } from '../declare/event-type.ts'
import {
  deciding,
  deliver,
  decoded,
  handle,
  ids,
  OrderWithdrawn,
  PaymentProcessed,
  ShippingFailed,
  StockCounted,
  stockAtFirst,
} from '../fixtures.test.kit.ts'
import { effectsOf } from '../memory/effects.test.kit.ts'
import { memoryLedger, type MemoryLedger } from '../memory/memory-ledger.ts'
import { withoutRunning } from './react.ts'
import { type WorkingSet, workingSet } from './working-set.ts'

// What may come, in any order and as often as it likes: two sources that use the same ids, few sagas and
// skus so that they meet, reactions that throw half-way.
const happening = fc.record({
  type: fc.constantFrom('count', 'reserve', 'reserve', 'reserve', 'release', 'withdraw'),
  order: fc.constantFrom('o1', 'o2', 'o3', 'o4'),
  sku: fc.constantFrom('book', 'book', 'pen', 'poison'),
  other: fc.option(fc.constantFrom('book', 'pen', 'cup'), { nil: undefined }),
  quantity: fc.integer({ min: 1, max: 3 }),
  id: fc.integer({ min: 1, max: 12 }),
  source: fc.constantFrom('payment', 'payment', 'elsewhere'),
})

type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never

/** Happenings, not deliveries, are generated: a counterexample is to be read by people. */
function deliveryOf(happening: Happening): Delivery {
  const { type, order, sku, other, quantity, id, source } = happening
  const envelope = { id: `${type} ${id}`, source }
  switch (type) {
    case 'count':
      return deliver(StockCounted, { orderId: order, sku, free: quantity }, envelope)
    case 'release':
      return deliver(ShippingFailed, { orderId: order }, envelope)
    case 'withdraw':
      return deliver(OrderWithdrawn, { orderId: order }, envelope)
    default: {
      const items = [{ sku, quantity }, ...(other && other !== sku ? [{ sku: other, quantity: 1 }] : [])]
      return deliver(PaymentProcessed, { orderId: order, items }, envelope)
    }
  }
}

interface Batch {
  readonly size: number
  /** How often the process dies between deciding and settling. */
  readonly crashes: number
  /** Settled, but the position was not kept: the whole batch comes again. */
  readonly comesAgain: boolean
}

const batch: fc.Arbitrary<Batch> = fc.record({
  size: fc.integer({ min: 1, max: 12 }),
  crashes: fc.integer({ min: 0, max: 2 }),
  comesAgain: fc.boolean(),
})

/** Handles a batch on what the ledger recalls; an event whose reaction throws is put on record and nothing else. */
function decide(work: readonly Delivery[], ledger: MemoryLedger): WorkingSet {
  const { request } = recallFor(work, ids)
  const set = workingSet(ledger.recall(request))
  for (const one of work) {
    try {
      handle(one, set)
    } catch (error) {
      const changes = withoutRunning(one, 'step-repeated')
      if (!changes?.inbox || !(error instanceof Error) || error.message !== 'could not tell') throw error
      set.apply({ ...changes, inbox: { ...changes.inbox, outcome: 'dead-lettered' } })
    }
  }
  return set
}

function oneAtATime(deliveries: readonly Delivery[]): MemoryLedger {
  const ledger = memoryLedger({ nowMs: () => 0 })
  for (const one of deliveries) ledger.settle(decide([one], ledger).writes())
  return ledger
}

/**
 * A ledger refuses a step that somebody else wrote meanwhile, not one that was found open and is left open,
 * by a reaction that throws or runs short of stock: that one may have come before whoever was faster.
 */
function writesItsStep({ event }: Delivery): boolean {
  return event.type !== 'StockCounted' && !JSON.stringify(event.data).includes('poison')
}

function isSameEvent(one: Event, other: Event | undefined): boolean {
  return one.id === other?.id && one.source === other.source
}

/** Whether a step is done or undone makes no difference to an event that comes after either. */
function unrunAlike(ledger: MemoryLedger): object {
  const { inbox, ...effects } = effectsOf(ledger)
  return {
    ...effects,
    inbox: inbox.map((entry) =>
      entry.outcome === 'step-repeated' ? { ...entry, outcome: 'step-barred' } : entry,
    ),
  }
}

describe('a sequence of events', () => {
  it('has the same effects and the same ids however it is cut into batches, crashes and comes again', () => {
    fc.assert(
      fc.property(
        fc.array(happening, { maxLength: 40, size: 'max' }),
        fc.array(batch, { minLength: 1, maxLength: 12 }),
        (happenings, batches) => {
          const deliveries = happenings.map(deliveryOf)
          const ledger = memoryLedger({ nowMs: () => 0 })
          for (let start = 0, turn = 0; start < deliveries.length; turn++) {
            const { size, crashes, comesAgain } = batches[turn % batches.length] as Batch
            const work = deliveries.slice(start, start + size)
            for (let crash = 0; crash < crashes; crash++) decide(work, ledger)
            ledger.settle(decide(work, ledger).writes())
            if (comesAgain) {
              const before = JSON.stringify(effectsOf(ledger))
              ledger.settle(decide(work, ledger).writes())
              expect(JSON.stringify(effectsOf(ledger))).toBe(before)
            }
            start += size
          }
          const effects = effectsOf(ledger)
          expect(effects).toEqual(effectsOf(oneAtATime(deliveries)))
          expect(new Set(effects.outbox.map(({ id }) => id)).size).toBe(effects.outbox.length)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('has the effects of its settling order when two partitions decide at the same time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(happening, { maxLength: 6 }), fc.array(happening, { maxLength: 6 })), {
          maxLength: 6,
        }),
        (all) => {
          const rounds = all.map((round) => round.map((work) => work.map(deliveryOf).filter(writesItsStep)))
          const ledger = memoryLedger({ nowMs: () => 0 })
          const settled: Delivery[] = []
          for (const round of rounds) {
            const decisions = round.map((work) => ({ work, set: decide(work, ledger) }))
            for (const { work, set } of decisions) {
              try {
                ledger.settle(set.writes())
              } catch {
                ledger.settle(decide(work, ledger).writes())
              }
              settled.push(...work)
            }
          }
          expect(unrunAlike(ledger)).toEqual(unrunAlike(oneAtATime(settled)))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('never undoes what was not done, never does what was undone, and conserves stock', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40, size: 'max' }), (all) => {
        const deliveries = all.map(deliveryOf).filter(({ event }) => event.type !== 'StockCounted')
        const ledger = memoryLedger({ nowMs: () => 0 })
        ledger.settle(decide(deliveries, ledger).writes())
        const { outbox, steps, documents } = effectsOf(ledger)
        const said = (type: string, saga: string) =>
          outbox.filter(({ headers, key }) => headers['ce_type'] === type && key === saga).length
        for (const saga of ['o1', 'o2', 'o3', 'o4']) {
          expect(said('InventoryReserved', saga)).toBeLessThanOrEqual(1)
          expect(said('InventoryReleased', saga)).toBeLessThanOrEqual(said('InventoryReserved', saga))
          const first = deliveries.find(({ event }) => event.correlationId === saga)
          const named = deliveries.find(({ event }) => isSameEvent(event, first?.event))
          const isUndoFirst = first?.bound.reaction.undoes !== undefined && named === first
          if (isUndoFirst) expect(said('InventoryReserved', saga)).toBe(0)
        }
        const held = Object.values(steps as Record<string, { state: string; done: Uint8Array }>)
          .filter(({ state }) => state === 'done')
          .flatMap(({ done }) => (decoded(done) as { items: { quantity: number }[] }).items)
          .reduce((sum, { quantity }) => sum + quantity, 0)
        const stocks = Object.values(documents as Record<string, { free: number; held: number }>)
        expect(stocks.reduce((sum, one) => sum + one.held, 0)).toBe(held)
        for (const { free, held: heldHere } of stocks) expect(free + heldHere).toBe(stockAtFirst)
      }),
      { numRuns: 300 },
    )
  })

  it('runs the property tests on sequences in which every verdict occurs', () => {
    const seen = new Map<string, number>()
    for (const happenings of fc.sample(fc.array(happening, { maxLength: 40, size: 'max' }), {
      numRuns: 200,
      seed: 1,
    })) {
      const deliveries = happenings.map(deliveryOf)
      const ledger = memoryLedger({ nowMs: () => 0 })
      const set = workingSet(ledger.recall(recallFor(deliveries, ids).request))
      for (const one of deliveries) {
        const verdict = admit(one, set)
        seen.set(verdict, (seen.get(verdict) ?? 0) + 1)
        try {
          handle(one, set, deciding)
        } catch {
          seen.set('thrown', (seen.get('thrown') ?? 0) + 1)
        }
      }
    }
    for (const verdict of [
      'run',
      'duplicate',
      'barred',
      'step-barred',
      'step-repeated',
      'undo-repeated',
      'thrown',
    ]) {
      expect([verdict, (seen.get(verdict) ?? 0) > 50]).toEqual([verdict, true])
    }
  })
})
