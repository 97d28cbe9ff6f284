import assert from 'node:assert/strict'
import type { Forgettable, Ledger } from '@troupe/core'
import { action, firstPage, letter, ownerOf, parking, place } from './aside-building.ts'
import { entry, everywhere, migrated, moveOf, request, settlement, twoInstances } from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

const partition = { topic: 'order.events', partition: 0 }

/** All of it, portion by portion. */
async function forget(ledger: Ledger, what: Forgettable, olderThanMs: number): Promise<number> {
  let forgotten = 0
  for (let from: bigint | undefined = 0n; from !== undefined; ) {
    const portion: Awaited<ReturnType<Ledger['forget']>> = await ledger.forget(what, olderThanMs, from)
    forgotten += portion.forgotten
    from = portion.next
  }
  return forgotten
}

export const forgetCases: readonly LedgerCase[] = [
  {
    title: 'forgets what is old, and each kind by itself',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(everywhere('old'))
      assert.equal(await forget(ledger, 'inbox', 3_600_000), 0)
      assert.equal(await forget(ledger, 'inbox', 0), 1)
      const wanted = request({
        events: [entry('event-old')],
        answers: [{ command: 'placeOrder', idempotencyKey: 'key-old' }],
      })
      const inbetween = await ledger.recall(wanted)
      assert.deepEqual([inbetween.seen.length, inbetween.answers.length], [0, 1])
      assert.equal(await forget(ledger, 'answers', 0), 1)
      assert.deepEqual((await ledger.recall(wanted)).answers, [])
      assert.notEqual(await ledger.document({ kind: 'stock', key: 'document-old' }), undefined)
    },
  },
  {
    title: 'forgets in bounded portions, whoever else writes or forgets meanwhile, and never a position',
    async holds(open) {
      const ledger = await twoInstances(open)
      const claim = await ledger(0).claim(partition)
      const many = (from: number) =>
        Array.from({ length: 5_000 }, (_, index) => entry(`${from + index}`, { saga: 'x'.repeat(200) }))
      for (let from = 0; from < 20_000; from += 5_000)
        await ledger(0).settle(settlement({ inbox: many(from) }))
      await ledger(0).settle(settlement({ position: moveOf(claim, 7n) }))
      const [mine, theirs] = await Promise.all([
        forget(ledger(0), 'inbox', 0),
        forget(ledger(1), 'inbox', 0),
        ledger(1).settle(settlement({ inbox: [entry('new')] })),
      ])
      const later = await forget(ledger(0), 'inbox', 0)
      assert.equal(mine + theirs + later, 20_001)
      assert.equal((await ledger(0).positionOf(partition))?.next, 7n)
    },
  },
  {
    title: 'forgets dead letters a while after they were closed, and never one that is open or parked again',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const letters = [5, 6, 7, 8].map((offset) => letter(offset, `order-${offset}`))
      await owner.settle(parking([], letters))
      const [discarded, again, givenUp, reopened] = letters.map(({ id }) => id)
      await ledger.discardDeadLetters([discarded ?? '', reopened ?? ''], action)
      await owner.settle(parking([], letters.slice(3)))
      await ledger.redrive([{ id: again ?? '' }, { id: givenUp ?? '' }], action)
      await ledger.discardParked([place('order-7')], 'all', action)
      const kept = async () =>
        (await ledger.deadLetters({ state: 'any' }, firstPage)).found.map(({ id, state }) => [id, state])

      assert.equal(await forget(ledger, 'deadLetters', 3_600_000), 0)
      assert.equal((await kept()).length, 4)
      assert.equal(await forget(ledger, 'deadLetters', 0), 2)
      assert.deepEqual(await kept(), [
        [again, 'redriven'],
        [reopened, 'open'],
      ])
      await ledger.discardParked([place('order-6')], 'all', action)
      assert.equal(await forget(ledger, 'deadLetters', 0), 1)
      assert.deepEqual(await kept(), [[reopened, 'open']])
    },
  },
  {
    title: 'forgets what operators did when it is old',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([], [letter(5, 'order-5')]))
      await ledger.discardDeadLetters([letter(5).id], action)
      assert.equal(await forget(ledger, 'actions', 3_600_000), 0)
      assert.equal((await ledger.operatorActions({}, firstPage)).found.length, 1)
      assert.equal(await forget(ledger, 'actions', 0), 1)
      assert.deepEqual((await ledger.operatorActions({}, firstPage)).found, [])
    },
  },
]
