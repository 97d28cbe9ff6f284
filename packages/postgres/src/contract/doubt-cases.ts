import assert from 'node:assert/strict'
import type { AsideRecord, KeptUndo, Ledger, StepName } from '@troupe/core'
import { aside, dueIn, failure, letter, offsetsOf, ownerOf, park, parking, place } from './aside-building.ts'
import { entry, migrated, plain, request, settlement, stepWrite, twoInstances } from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

const step: StepName = { saga: 'saga-order-1', step: 'Charged' }
const event = { source: 'order', id: 'asked' }
const nothing = { called: [], barred: [], undone: [], settled: [] }

const known = async (ledger: Ledger, ...doubts: StepName[]) =>
  (await ledger.recall(request({ doubts }))).doubts

/** The undo's event as it came, at this offset. */
function undo(offset: number, part: Partial<KeptUndo> = {}): KeptUndo {
  return { ...step, ...aside(offset), place: place('order-1'), isInDoubt: false, ...part }
}

function inboxOf({ event: facts }: Pick<AsideRecord, 'event'>) {
  if (!facts) throw new Error('An undo is an event.')
  return { ...facts, outcome: 'barred' as const }
}

/** An undo that bars its step. */
function barring(one: KeptUndo) {
  return settlement({
    inbox: [inboxOf(one)],
    steps: [stepWrite({ ...step, state: 'barred', done: null })],
    doubts: { ...nothing, barred: [one] },
  })
}

/** A step that was barred, and is done all the same. */
const doneAfterAll = {
  steps: [stepWrite({ ...step, expectedState: 'barred' })],
  doubts: { ...nothing, undone: [step] },
}

export const doubtCases: readonly LedgerCase[] = [
  {
    title: 'keeps of a step that the first of its events has called, until nothing is in doubt',
    async holds(open) {
      const ledger = await migrated(open)
      const other = { saga: 'saga-2', step: 'Charged' }
      const called = [
        { ...step, event },
        { ...other, event },
      ]
      await ledger.settle(settlement({ doubts: { ...nothing, called } }))
      await ledger.settle(
        settlement({
          doubts: { ...nothing, called: [{ ...step, event: { source: 'order', id: 'again' } }] },
        }),
      )
      assert.deepEqual(await known(ledger, step, { ...step, step: 'Shipped' }), [
        { ...step, called: event, isUndoKept: false },
      ])
      await ledger.settle(settlement({ doubts: { ...nothing, settled: [step] } }))
      assert.deepEqual(await known(ledger, step, other), [{ ...other, called: event, isUndoKept: false }])
      assert.equal((await ledger.recall(request({ steps: [] }))).doubts, undefined)
    },
  },
  {
    title: 'parks what barred a step that is done after all, due at once, as it came, and new to the inbox',
    async holds(open) {
      const ledger = await migrated(open)
      const one = undo(7)
      await ledger.settle(barring(one))
      assert.deepEqual(await known(ledger, step), [{ ...step, called: undefined, isUndoKept: true }])
      assert.deepEqual(await dueIn(ledger), [])
      await ledger.settle(settlement(doneAfterAll))
      assert.deepEqual(await known(ledger, step), [])
      assert.deepEqual(await dueIn(ledger), ['order-1'])
      const [work] = await ledger.parkedWork([place('order-1')], { recordsPerKeyMax: 5, bytesMax: 1_000 })
      assert.deepEqual(plain(work?.records), plain([{ ...one.record, redrives: 0 }]))
      assert.equal(work?.attempts, 0)
      assert.deepEqual((await ledger.recall(request({ events: [inboxOf(one)] }))).seen, [])
      assert.equal(
        (await ledger.parkedKeys({ saga: step.saga }, { after: 0n, limit: 5 })).found[0]?.events,
        1,
      )
    },
  },
  {
    title: 'forgets of the inbox only what barred, and parks nothing where nothing is kept',
    async holds(open) {
      const ledger = await migrated(open)
      const one = undo(7)
      await ledger.settle(
        settlement({
          inbox: [{ ...inboxOf(one), outcome: 'applied' }],
          doubts: { ...nothing, barred: [one] },
        }),
      )
      await ledger.settle(settlement({ doubts: { ...nothing, undone: [step] } }))
      assert.equal((await ledger.recall(request({ events: [inboxOf(one)] }))).seen.length, 1)
      const second = { saga: 'saga-2', step: 'Charged' }
      await ledger.settle(settlement({ doubts: { ...nothing, called: [{ ...second, event }] } }))
      await ledger.settle(settlement({ doubts: { ...nothing, undone: [second] } }))
      assert.deepEqual(await known(ledger, second), [])
      assert.deepEqual(await dueIn(ledger), ['order-1'])
    },
  },
  {
    title: 'parks it in front of what is parked of its key, and with the rest where that is held',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const held = {
        state: 'held' as const,
        deadLetter: letter(3, 'held').id,
        attempts: 6,
        failure: failure(),
      }
      await owner.settle(
        parking(
          [park('order-1', [9], 3_600_000), { ...place('held'), form: 'park', next: held, records: [] }],
          [letter(3, 'held')],
        ),
      )
      const second = { saga: 'saga-2', step: 'Charged' }
      const other = undo(4, { ...second, ...aside(4, 'held'), place: place('held') })
      await ledger.settle(barring(undo(7)))
      await ledger.settle(settlement({ doubts: { ...nothing, barred: [other] } }))
      await ledger.settle(settlement({ doubts: { ...nothing, undone: [step, second] } }))
      assert.deepEqual(await offsetsOf(ledger, 'order-1'), [7, 9])
      assert.deepEqual(await offsetsOf(ledger, 'held'), [4])
      assert.deepEqual(await dueIn(ledger), ['order-1'])
    },
  },
  {
    title: 'parks it for the key that the same settlement lets go of',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([park('order-1', [6])]))
      await ledger.settle(barring(undo(7)))
      const retried = { form: 'retry', version: 1, done: [6n], next: { state: 'free' } } as const
      await owner.settle(parking([{ ...place('order-1'), ...retried }]), doneAfterAll)
      assert.deepEqual(await offsetsOf(ledger, 'order-1'), [7])
      assert.deepEqual(await dueIn(ledger), ['order-1'])
    },
  },
  {
    title: 'keeps both where a step is called and barred at one time',
    async holds(open) {
      const ledger = await twoInstances(open)
      const sagas = Array.from({ length: 20 }, (_, index) => ({ ...step, saga: `saga-${index}` }))
      await Promise.all(
        sagas.flatMap((one, index) => [
          ledger(0).settle(settlement({ doubts: { ...nothing, called: [{ ...one, event }] } })),
          ledger(index % 2).settle(
            settlement({ doubts: { ...nothing, barred: [undo(index, { ...one, ...aside(index) })] } }),
          ),
          ledger(1).settle(settlement({ inbox: [entry(`event-of-${index}`)] })),
        ]),
      )
      assert.deepEqual(
        ((await known(ledger(1), ...sagas)) ?? []).map(({ called, isUndoKept }) => [called?.id, isUndoKept]),
        sagas.map(() => ['asked', true]),
      )
    },
  },
]
