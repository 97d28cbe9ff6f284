import { callsPausedCode, type ParkedKeyWrite, type ParkedNext, type TopicPartition } from '@troupe/core'
import assert from 'node:assert/strict'
import {
  action,
  aside,
  dueIn,
  failure,
  firstPage,
  limits,
  offsetsOf,
  ownerOf,
  park,
  parking,
  partition,
  place,
  versionOf,
} from './aside-building.ts'
import {
  entry,
  migrated,
  moveOf,
  plain,
  refusal,
  request,
  settlement,
  unpublishedIn,
  record,
} from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

const follow = (key: string, offsets: readonly number[]) =>
  ({ ...place(key), form: 'follow', records: offsets.map((offset) => aside(offset, key)) }) as const
const retry = (key: string, version: number, done: readonly number[], attempts = 0): ParkedKeyWrite => ({
  ...place(key),
  form: 'retry',
  version,
  done: done.map(BigInt),
  next: attempts === 0 ? { state: 'free' } : failedAgain(attempts),
})
const failedAgain = (attempts: number) =>
  ({
    state: 'waiting',
    delayMs: 3_600_000,
    attempts,
    failure: failure({ message: `attempt ${attempts}` }),
  }) as const

export const parkingCases: readonly LedgerCase[] = [
  {
    title: 'parks a key with its records as they came, and hands them out in the order of their offsets',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([park('order-1', [5]), park('order-2', [6])]))
      await owner.settle(parking([follow('order-1', [7, 8])]))
      await ledger.close()
      const [work, other, ...rest] = await open().parkedWork([place('order-1'), place('order-2')], limits)
      assert.equal(rest.length, 0)
      const { firstFailedAtMs, version, ...facts } = work ?? assert.fail('nothing is parked')
      assert.ok(version >= 1)
      assert.ok(Math.abs((firstFailedAtMs ?? 0) - Date.now()) < 3_600_000)
      assert.deepEqual(
        plain(facts),
        plain({
          ...place('order-1'),
          attempts: 1,
          records: [5, 7, 8].map((offset) => ({ ...aside(offset).record, redrives: 0 })),
        }),
      )
      assert.deepEqual(
        other?.records.map(({ offset }) => offset),
        [6n],
      )
    },
  },
  {
    title: 'recalls which of some keys are parked, in that partition only',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([park('order-1', [5])]))
      const { keys } = await ledger.recall(
        request({ keys: [place('order-1'), place('order-2'), { ...place('order-1'), partition: 4 }] }),
      )
      assert.deepEqual(
        keys.map(({ topic, partition, key }) => ({ topic, partition, key })),
        [place('order-1')],
      )
    },
  },
  {
    title:
      'parks nothing where the rest of its settlement is refused, nor the rest where a key is not as expected',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const zombie = { ...partition, epoch: 0, next: undefined }
      const fenced = settlement({ position: moveOf(zombie, 9n), parking: parking([park('order-9', [9])]) })
      await refusal(ledger.settle(fenced), 'TROUPE_FENCED')
      assert.equal(await versionOf(ledger, 'order-9'), undefined)
      await owner.settle(parking([park('order-1', [5])]))
      const version = (await versionOf(ledger, 'order-1')) ?? 0
      const unexpected = [
        park('order-1', [6]),
        follow('order-2', [6]),
        retry('order-1', version + 1, [5]),
        retry('order-2', version, [5]),
      ]
      for (const [index, one] of unexpected.entries()) {
        const inbox = [entry(`with-${index}`)]
        const outbox = [record(`with-${index}`)]
        const error = await refusal(owner.settle(parking([one]), { inbox, outbox }), 'TROUPE_CONFLICT')
        assert.match(error.message, /order-[12]/)
      }
      assert.deepEqual(await offsetsOf(ledger, 'order-1'), [5])
      assert.deepEqual(await unpublishedIn(ledger, 'order.events/0'), [])
      const { seen } = await ledger.recall(
        request({ events: unexpected.map((_, index) => entry(`with-${index}`)) }),
      )
      assert.deepEqual(seen, [])
    },
  },
  {
    title:
      'tells which keys are due by its own clock, of the partitions that are asked for, the longest due first',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([park('second', [1], 2)]))
      await owner.settle(parking([park('first', [2], 0), park('later', [3], 3_600_000)]))
      const due = new Set(await dueIn(ledger))
      while (!due.has('second')) for (const key of await dueIn(ledger)) due.add(key)
      assert.deepEqual([...due].sort(), ['first', 'second'])
      assert.equal((await ledger.dueKeys([partition], 1)).keys.length, 1)
      assert.deepEqual((await ledger.dueKeys([{ ...partition, partition: 4 }], 100)).keys, [])
      assert.deepEqual((await ledger.dueKeys([], 100)).keys, [])
    },
  },
  {
    title:
      'tells how long until the next key is due: of the partitions that are asked for, not of those that are due',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const elsewhere = { ...partition, partition: 4 }
      const nextIn = async (...partitions: readonly TopicPartition[]) =>
        (await ledger.dueKeys(partitions, 1)).nextMs
      assert.deepEqual([await nextIn(), await nextIn(partition)], [undefined, undefined])
      await owner.settle(parking([park('due', [1], 0), park('also', [2], 0)]))
      while ((await dueIn(ledger)).length < 2);
      assert.equal(await nextIn(partition), undefined)
      await owner.settle(parking([park('later', [3], 3_600_000), park('last', [4], 7_200_000)]))
      for (const all of [[partition], [elsewhere, partition]]) {
        const nextMs = await nextIn(...all)
        assert.ok(nextMs !== undefined && nextMs > 3_000_000 && nextMs <= 3_600_000, String(nextMs))
      }
      assert.equal(await nextIn(elsewhere), undefined)
    },
  },
  {
    title: 'puts off what cannot be tried now, and nothing that somebody has touched since or that is held',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([park('awaits', [1, 2], 0), park('touched', [3], 0), park('next', [4], 0)]))
      while ((await dueIn(ledger)).length < 3);
      const read = await ledger.parkedWork([place('awaits'), place('touched')], limits)
      await ledger.retryParked([place('touched')], action)
      await ledger.putOffKeys(read, 3_600_000)
      assert.deepEqual((await dueIn(ledger)).toSorted(), ['next', 'touched'])
      const nextMs = (await ledger.dueKeys([partition], 9)).nextMs
      assert.ok(nextMs !== undefined && nextMs > 3_000_000 && nextMs <= 3_600_000, String(nextMs))
      // What was read of it is as true as before.
      assert.deepEqual(await ledger.parkedWork([place('awaits')], limits), read.slice(0, 1))
      await ledger.putOffKeys([], 1)
    },
  },
  {
    title: 'tells keys that wait for calls from those that have failed, and finds them for whoever may call',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const waits = { ...failure({ reaction: 'charge', message: 'its calls wait' }), code: callsPausedCode }
      const pausing = (key: string, offset: number, reaction = 'charge'): ParkedKeyWrite => ({
        ...place(key),
        form: 'park',
        next: { state: 'paused', attempts: 0, failure: { ...waits, reaction } },
        records: [aside(offset, key)],
      })
      await owner.settle(parking([pausing('paused', 5), pausing('other', 6, 'refund'), park('failed', [7])]))
      const dueFor = async (...calling: string[]) =>
        (await ledger.dueKeys([partition], 100, calling)).keys
          .map(({ key, pausedFor }) => `${key} ${pausedFor}`)
          .toSorted()
      assert.deepEqual(await dueFor(), ['failed undefined'])
      assert.deepEqual(await dueFor('charge'), ['failed undefined', 'paused charge'])
      assert.deepEqual(await dueFor('refund', 'charge'), [
        'failed undefined',
        'other refund',
        'paused charge',
      ])
      assert.deepEqual((await dueIn(ledger)).toSorted(), ['failed', 'other', 'paused'])
      assert.equal((await ledger.dueKeys([partition], 2, ['refund', 'charge'])).keys.length, 2)
      const [total] = await ledger.parkedTotals([partition])
      assert.deepEqual([total?.keys, total?.paused, total?.held], [3, 2, 0])

      const keyNow = async (key: string) => (await ledger.parkedKeys({ key }, firstPage)).found[0]
      const first = await keyNow('paused')
      assert.deepEqual(
        [first?.state, first?.attempts, first?.nextAtMs, first?.lastFailedAtMs, first?.failure?.message],
        ['paused', 0, undefined, undefined, 'its calls wait'],
      )
      const becomes = async (key: string, next: ParkedNext) => {
        const version = (await versionOf(ledger, key)) ?? 0
        await owner.settle(parking([{ ...place(key), form: 'retry', version, done: [], next }]))
        return await keyNow(key)
      }
      const failedOnce = await becomes('paused', { ...failedAgain(1), delayMs: 0 })
      assert.deepEqual([failedOnce?.state, failedOnce?.attempts], ['waiting', 1])
      const again = await becomes('paused', { state: 'paused', attempts: 1, failure: waits })
      assert.deepEqual(
        [again?.state, again?.attempts, again?.firstFailedAtMs, again?.lastFailedAtMs],
        ['paused', 1, failedOnce?.firstFailedAtMs, failedOnce?.lastFailedAtMs],
      )
      assert.equal((await ledger.parkedWork([place('paused')], limits))[0]?.attempts, 1)
      await becomes('paused', { state: 'free' })
      assert.equal((await keyNow('paused'))?.state, 'waiting')
    },
  },
  {
    title: 'lets go of a key when all of it was handled, together with what that wrote, and not before',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([park('order-1', [5, 6, 7])]))
      const version = (await versionOf(ledger, 'order-1')) ?? 0
      await owner.settle(parking([retry('order-1', version, [5, 6])]), { inbox: [entry('event-5')] })
      assert.deepEqual(await offsetsOf(ledger, 'order-1'), [7])
      assert.deepEqual(await dueIn(ledger), ['order-1'])
      const next = (await versionOf(ledger, 'order-1')) ?? 0
      assert.notEqual(next, version)
      await owner.settle(parking([retry('order-1', next, [7])]))
      assert.equal(await versionOf(ledger, 'order-1'), undefined)
      assert.deepEqual(await ledger.parkedTotals([partition]), [])
    },
  },
  {
    title: 'keeps what comes behind a key while its head is tried again',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([park('order-1', [5])]))
      const version = (await versionOf(ledger, 'order-1')) ?? 0
      await owner.settle(parking([follow('order-1', [6])]))
      await owner.settle(parking([retry('order-1', version, [5])]))
      assert.deepEqual(await offsetsOf(ledger, 'order-1'), [6])
      assert.deepEqual(await dueIn(ledger), ['order-1'])
    },
  },
  {
    title: 'counts the failures of a head, from its own first one on, and says what the last one was',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([park('order-1', [5, 6])]))
      const [before] = (await ledger.parkedKeys({}, firstPage)).found
      await owner.settle(parking([retry('order-1', (await versionOf(ledger, 'order-1')) ?? 0, [], 2)]))
      const [after] = (await ledger.parkedKeys({}, firstPage)).found
      assert.deepEqual(await dueIn(ledger), [])
      assert.deepEqual([after?.attempts, after?.failure?.message], [2, 'attempt 2'])
      assert.equal(after?.firstFailedAtMs, before?.firstFailedAtMs)
      assert.ok((after?.nextAtMs ?? 0) > (after?.lastFailedAtMs ?? Number.POSITIVE_INFINITY))
      await owner.settle(parking([retry('order-1', (await versionOf(ledger, 'order-1')) ?? 0, [5], 1)]))
      const [third] = (await ledger.parkedKeys({}, firstPage)).found
      assert.deepEqual([third?.attempts, third?.events], [1, 1])
      assert.ok((third?.firstFailedAtMs ?? 0) >= (before?.firstFailedAtMs ?? 0))
    },
  },
  {
    title: 'hands out a bounded part of what is parked, and at least one record',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const large = { value: new Uint8Array(1_000) }
      const keys = ['order-1', 'order-2'].map((key, index) => ({
        ...park(key, []),
        form: 'park' as const,
        next: { state: 'waiting' as const, delayMs: 0, attempts: 1, failure: failure() },
        records: [1, 2, 3].map((nth) => aside(index * 10 + nth, key, large)),
      }))
      await owner.settle(parking(keys))
      const countsIn = async (recordsPerKeyMax: number, bytesMax: number) => {
        const work = await ledger.parkedWork([place('order-1'), place('order-2')], {
          recordsPerKeyMax,
          bytesMax,
        })
        return work.map(({ records }) => records.length)
      }
      assert.deepEqual(await countsIn(2, 1_000_000), [2, 2])
      assert.deepEqual(await countsIn(10, 4_500), [3, 1])
      assert.deepEqual(await countsIn(10, 10), [1])
      assert.deepEqual(await ledger.parkedWork([], limits), [])
    },
  },
  {
    title: 'says how much is parked in each partition, and in all of them, whoever has them',
    async holds(open) {
      const ledger = await migrated(open)
      const none = { keys: 0, paused: 0, held: 0, events: 0, bytes: 0, oldestMs: 0 }
      assert.deepEqual(await ledger.parkedSum(), none)
      const owner = await ownerOf(ledger)
      const held = {
        ...park('order-2', []),
        form: 'park' as const,
        next: { state: 'held' as const, deadLetter: 'x', attempts: 6, failure: failure() },
        records: [],
      }
      await owner.settle(parking([park('order-1', [5, 6]), held]))
      const [total, ...rest] = await ledger.parkedTotals([partition, { ...partition, partition: 9 }])
      assert.equal(rest.length, 0)
      const { oldestMs, ...counts } = total ?? assert.fail('nothing is parked')
      assert.deepEqual(counts, { ...partition, keys: 2, paused: 0, held: 1, events: 2, bytes: 16 })
      assert.ok(oldestMs >= 0 && oldestMs < 3_600_000)
      const elsewhere = await ledger.claim({ ...partition, partition: 4 })
      const there = { ...park('order-3', [7]), partition: 4 }
      await ledger.settle(settlement({ position: moveOf(elsewhere, 1n), parking: parking([there]) }))
      const { oldestMs: ofAllMs, ...sum } = await ledger.parkedSum()
      assert.deepEqual(sum, { keys: 3, paused: 0, held: 1, events: 3, bytes: 24 })
      assert.ok(ofAllMs >= oldestMs && ofAllMs < 3_600_000)
    },
  },
  {
    title: 'parks keys of many partitions in transactions that they share',
    async holds(open) {
      const ledger = await migrated(open)
      const partitions = Array.from({ length: 6 }, (_, index) => ({ ...partition, partition: index }))
      const claims = await Promise.all(partitions.map((one) => ledger.claim(one)))
      await Promise.all(
        claims.map((claim, index) =>
          ledger.settle(
            settlement({
              position: moveOf(claim, 1n),
              parking: parking([
                {
                  ...park('order-1', []),
                  form: 'park',
                  next: { state: 'waiting', delayMs: 0, attempts: 1, failure: failure() },
                  partition: index,
                  records: [aside(0, 'order-1', { partition: index })],
                },
              ]),
            }),
          ),
        ),
      )
      const found = await Promise.all(
        partitions.map((one) => ledger.recall(request({ keys: [{ ...one, key: 'order-1' }] }))),
      )
      assert.deepEqual(
        found.map(({ keys }) => keys.map(({ partition }) => partition)),
        partitions.map((one) => [one.partition]),
      )
    },
  },
  {
    title: 'keeps keys, headers and errors of any text that can be stored, and records without key or value',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const key = `"'\\\n;é😀 %s{},--`
      const odd = aside(5, key, { key: null, value: null, headers: { ['__proto__']: key, 'a"b': '\0' } })
      await owner.settle(
        parking([
          {
            ...place(key),
            form: 'park',
            next: {
              state: 'waiting',
              delayMs: 0,
              attempts: 1,
              failure: failure({ message: key, stack: undefined }),
            },
            records: [{ record: odd.record, event: undefined }],
          },
        ]),
      )
      const [work] = await ledger.parkedWork([place(key)], limits)
      assert.deepEqual(plain(work?.records), plain([{ ...odd.record, redrives: 0 }]))
      const { found } = await ledger.parkedKeys({ key }, firstPage)
      assert.deepEqual([found.length, found[0]?.failure], [1, failure({ message: key, stack: undefined })])
    },
  },
]
