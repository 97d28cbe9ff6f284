import assert from 'node:assert/strict'
import type { Forgettable, Ledger } from '@troupe/core'
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
]
