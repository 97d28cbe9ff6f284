import assert from 'node:assert/strict'
import type { Ledger } from '@troupe/core'
import { entry, migrated, refusal, request, settlement, twoInstances } from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

const known = async (ledger: Ledger, ...performed: string[]) =>
  ((await ledger.recall(request({ performed }))).performed ?? []).toSorted((one, other) =>
    one.idempotencyKey < other.idempotencyKey ? -1 : 1,
  )

export const performedCases: readonly LedgerCase[] = [
  {
    title: 'keeps what came of a call until a settlement makes use of it, and tells nothing from null',
    async holds(open) {
      const ledger = await migrated(open)
      const given = [undefined, null, 'text\0', 0, false, { deep: ['\ud800'] }]
      const results = given.map((result, index) => ({ idempotencyKey: `key-${index}`, result }))
      const keys = results.map(({ idempotencyKey }) => idempotencyKey)
      await ledger.keepPerformed(results)
      assert.deepEqual(await known(ledger, ...keys, 'another'), results)
      await ledger.settle(settlement({ inbox: [entry('one')], performed: keys.slice(1) }))
      assert.deepEqual(await known(ledger, ...keys), results.slice(0, 1))
    },
  },
  {
    title: 'lets the result that was kept first stand, whoever keeps another one',
    async holds(open) {
      const ledger = await twoInstances(open)
      await ledger(0).keepPerformed([{ idempotencyKey: 'key', result: 'first' }])
      await ledger(1).keepPerformed([
        { idempotencyKey: 'key', result: 'second' },
        { idempotencyKey: 'other', result: 1 },
      ])
      assert.deepEqual(await known(ledger(1), 'key', 'other'), [
        { idempotencyKey: 'key', result: 'first' },
        { idempotencyKey: 'other', result: 1 },
      ])
    },
  },
  {
    title: 'keeps the result of a settlement that is refused',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(settlement({ inbox: [entry('one')] }))
      await ledger.keepPerformed([{ idempotencyKey: 'key', result: 1 }])
      await refusal(
        ledger.settle(settlement({ inbox: [entry('one')], performed: ['key'] })),
        'TROUPE_CONFLICT',
      )
      assert.equal((await known(ledger, 'key')).length, 1)
      assert.equal((await ledger.forget('performed', 3_600_000)).forgotten, 0)
      assert.equal((await ledger.forget('performed', 0)).forgotten, 1)
    },
  },
  {
    title: 'gives each of several who ask at one time the results that he asked for',
    async holds(open) {
      const ledger = await migrated(open)
      const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`)
      await ledger.keepPerformed(keys.map((idempotencyKey) => ({ idempotencyKey, result: idempotencyKey })))
      const found = await Promise.all(keys.map((key) => ledger.recall(request({ performed: [key] }))))
      assert.deepEqual(
        found.map(({ performed }) => performed),
        keys.map((key) => [{ idempotencyKey: key, result: key }]),
      )
    },
  },
]
