import assert from 'node:assert/strict'
import { migrated, moveOf, refusal, settlement, twoInstances } from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

const partition = { topic: 'order.events', partition: 3 }

export const positionCases: readonly LedgerCase[] = [
  {
    title: 'knows no position of a partition that was never claimed',
    async holds(open) {
      const ledger = await migrated(open)
      assert.equal(await ledger.positionOf(partition), undefined)
      const { epoch, ...claim } = await ledger.claim(partition)
      assert.deepEqual(claim, { ...partition, next: undefined })
      assert.ok(epoch >= 1)
    },
  },
  {
    title: 'raises the epoch with every claim, and not by looking',
    async holds(open) {
      const ledger = await migrated(open)
      const first = await ledger.claim(partition)
      assert.deepEqual(await ledger.positionOf(partition), first)
      const second = await ledger.claim(partition)
      assert.ok(second.epoch > first.epoch)
      const other = await ledger.claim({ ...partition, partition: 4 })
      assert.equal(other.epoch, first.epoch)
    },
  },
  {
    title: 'tells how often in a row a partition was claimed that nobody let go of, and found where it was',
    async holds(open) {
      const ledger = await migrated(open)
      const first = await ledger.claim(partition)
      assert.equal(first.unrest, undefined)
      assert.deepEqual((await ledger.claim(partition)).unrest, { claims: 2, claimsHere: 2 })
      const third = await ledger.claim(partition)
      assert.deepEqual(third.unrest, { claims: 3, claimsHere: 3 })
      await ledger.settle(settlement({ position: moveOf(third, 10n) }))
      const fourth = await ledger.claim(partition)
      assert.deepEqual(fourth.unrest, { claims: 4, claimsHere: 1 })
      await ledger.acquit(first, undefined)
      assert.deepEqual((await ledger.claim(partition)).unrest, { claims: 5, claimsHere: 2 })
      await ledger.acquit(await ledger.claim(partition), undefined)
      assert.equal((await ledger.claim(partition)).unrest, undefined)
    },
  },
  {
    title: 'counts how often in a row one record was in hand alone when its owner died',
    async holds(open) {
      const ledger = await migrated(open)
      const first = await ledger.claim(partition)
      assert.equal(await ledger.suspect(first, 7n), 1)
      const second = await ledger.claim(partition)
      assert.equal(second.unrest?.suspect, 7n)
      assert.equal(await ledger.suspect(second, 7n), 2)
      // The answer may have been lost.
      assert.equal(await ledger.suspect(second, 7n), 2)
      await refusal(ledger.suspect(first, 7n), 'TROUPE_FENCED')
      assert.equal(await ledger.suspect(second, 8n), 1)
      // Another one is in hand by now.
      await ledger.acquit(second, 7n)
      assert.equal((await ledger.claim(partition)).unrest?.suspect, 8n)
      // Whoever survived it says so, even if the partition was taken from him meanwhile.
      await ledger.acquit(second, 8n)
      assert.equal((await ledger.claim(partition)).unrest, undefined)
    },
  },
  {
    title: 'gives every one of many claims at once an epoch of its own',
    async holds(open) {
      const ledger = await twoInstances(open)
      const claims = await Promise.all(
        Array.from({ length: 20 }, (_, index) => ledger(index).claim(partition)),
      )
      assert.equal(new Set(claims.map(({ epoch }) => epoch)).size, 20)
    },
  },
  {
    title: 'keeps a position across instances, and hands it to the next owner',
    async holds(open) {
      const ledger = await migrated(open)
      const claim = await ledger.claim(partition)
      await ledger.settle(settlement({ position: moveOf(claim, 10n) }))
      await ledger.close()
      const next = await open().claim(partition)
      assert.equal(next.next, 10n)
    },
  },
  {
    title:
      'keeps the id of the topic whose offset it holds, and takes another where it holds none or starts over',
    async holds(open) {
      const ledger = await migrated(open)
      const idOf = async (...given: Parameters<typeof ledger.claim>[1][]) => {
        const { next, topicId } = await ledger.claim(partition, ...given)
        return [topicId, next]
      }
      assert.deepEqual(await idOf(), [undefined, undefined])
      assert.deepEqual(await idOf({ id: 'first' }), ['first', undefined])
      assert.deepEqual(await idOf({ id: 'second' }), ['second', undefined])
      const claim = await ledger.claim(partition)
      assert.equal(claim.topicId, 'second')
      await ledger.settle(settlement({ position: moveOf(claim, 10n) }))
      assert.deepEqual(await idOf({ id: 'third' }), ['second', 10n])
      assert.equal((await ledger.positionOf(partition))?.topicId, 'second')
      assert.deepEqual(await idOf({ id: 'third', replaces: 'second' }), ['third', undefined])
      assert.deepEqual(await idOf(), ['third', undefined])
    },
  },
  {
    title: 'learns the id of the topic of an offset that was stored without',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(settlement({ position: moveOf(await ledger.claim(partition), 10n) }))
      const { next, topicId } = await ledger.claim(partition, { id: 'first' })
      assert.deepEqual([topicId, next], ['first', 10n])
    },
  },
  {
    title: 'holds offsets that no floating-point number can',
    async holds(open) {
      const ledger = await migrated(open)
      const claim = await ledger.claim(partition)
      const far = 9_007_199_254_740_993n
      await ledger.settle(settlement({ position: moveOf(claim, far) }))
      await ledger.settle(settlement({ position: moveOf({ ...claim, next: far }, far + 1n) }))
      assert.equal((await ledger.positionOf(partition))?.next, far + 1n)
    },
  },
  {
    title: 'fences an owner who was replaced, naming both epochs',
    async holds(open) {
      const ledger = await migrated(open)
      const zombie = await ledger.claim(partition)
      const owner = await open().claim(partition)
      const { details } = await refusal(
        ledger.settle(settlement({ position: moveOf(zombie, 5n) })),
        'TROUPE_FENCED',
      )
      assert.deepEqual(details, {
        ...partition,
        expected: { epoch: zombie.epoch, next: null },
        found: { epoch: owner.epoch, next: null },
      })
      assert.equal((await ledger.positionOf(partition))?.next, undefined)
    },
  },
  {
    title: 'fences a settlement whose position is not the stored one, zero and none being two',
    async holds(open) {
      const ledger = await migrated(open)
      const claim = await ledger.claim(partition)
      await refusal(
        ledger.settle(settlement({ position: moveOf({ ...claim, next: 0n }, 5n) })),
        'TROUPE_FENCED',
      )
      await ledger.settle(settlement({ position: moveOf(claim, 5n) }))
      await refusal(ledger.settle(settlement({ position: moveOf(claim, 5n) })), 'TROUPE_FENCED')
      await refusal(
        ledger.settle(settlement({ position: moveOf({ ...claim, next: 4n }, 6n) })),
        'TROUPE_FENCED',
      )
      assert.equal((await ledger.positionOf(partition))?.next, 5n)
    },
  },
  {
    title: 'fences a partition that nobody claimed',
    async holds(open) {
      const ledger = await migrated(open)
      const { details } = await refusal(
        ledger.settle(settlement({ position: { ...partition, epoch: 1, from: undefined, to: 1n } })),
        'TROUPE_FENCED',
      )
      assert.equal(details['found'], null)
      assert.equal(await ledger.positionOf(partition), undefined)
    },
  },
  {
    title: 'lets exactly one of two settlements from one position through',
    async holds(open) {
      const ledger = await twoInstances(open)
      const claim = await ledger(0).claim(partition)
      for (let at = 0n; at < 20n; at += 1n) {
        const position = moveOf({ ...claim, next: at === 0n ? undefined : at }, at + 1n)
        const outcomes = await Promise.allSettled(
          [0, 1].map((turn) => ledger(turn).settle(settlement({ position }))),
        )
        assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
      }
    },
  },
]
