import assert from 'node:assert/strict'
import { headerNames, type Ledger, redrivenFromHeader } from '@troupe/core'
import {
  action,
  aside,
  dueIn,
  failure,
  firstPage,
  letter,
  limits,
  offsetsOf,
  ownerOf,
  park,
  parking,
  partition,
  place,
  versionOf,
} from './aside-building.ts'
import { entry, migrated, plain, refusal, request, twoInstances } from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

/** Held for the dead letter of its head. */
const hold = (key: string, head: number, followers: readonly number[]) =>
  ({
    ...place(key),
    form: 'park',
    next: { state: 'held', deadLetter: letter(head).id, attempts: 6, failure: failure() },
    records: followers.map((offset) => aside(offset, key)),
  }) as const

const byOffset = ([left]: readonly unknown[], [right]: readonly unknown[]) => Number(left) - Number(right)

const dead = (offset: number) => entry(`event-${offset}`, { outcome: 'dead-lettered' })
const hasSeen = async (ledger: Ledger, offset: number) =>
  (await ledger.recall(request({ events: [dead(offset)] }))).seen.length === 1

export const deskCases: readonly LedgerCase[] = [
  {
    title: 'keeps dead letters as they came, with what failed, until a person says what to do',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const unreadable = letter(8, 'order-8', { event: undefined, failure: failure({ reaction: undefined }) })
      await owner.settle(parking([], [letter(5, 'order-5', { firstFailedAtMs: 1_000 }), unreadable]))
      const { found, next } = await ledger.deadLetters({}, firstPage)
      assert.equal(next, undefined)
      const [first, second] = found
      const { lastFailedAtMs, ...facts } = first ?? assert.fail('nothing is kept')
      assert.ok(lastFailedAtMs > 1_000)
      assert.deepEqual(facts, {
        id: 'order.events/3/5',
        ...place('order-5'),
        offset: 5n,
        event: aside(5, 'order-5').event,
        failure: failure(),
        attempts: 6,
        redrives: 0,
        firstFailedAtMs: 1_000,
        state: 'open',
        bytes: 8,
      })
      assert.deepEqual([second?.event, second?.failure.reaction], [undefined, undefined])
      const stored = await ledger.deadLetter('order.events/3/5')
      assert.deepEqual(plain(stored?.record), plain(aside(5, 'order-5').record))
      assert.equal(await ledger.deadLetter('order.events/3/6'), undefined)
    },
  },
  {
    title: 'finds dead letters by what is known of them, page by page',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const other = failure({ reaction: 'refund', group: 'refund-1' })
      await owner.settle(parking([], [letter(1, 'a'), letter(2, 'b', { failure: other }), letter(3, 'a')]))
      const offsets = async (filter: Parameters<Ledger['deadLetters']>[0]) =>
        (await ledger.deadLetters(filter, firstPage)).found.map(({ offset }) => Number(offset))
      assert.deepEqual(await offsets({}), [1, 2, 3])
      assert.deepEqual(await offsets({ key: 'a' }), [1, 3])
      assert.deepEqual(await offsets({ reaction: 'refund' }), [2])
      assert.deepEqual(await offsets({ group: 'charge-1', saga: 'saga-a' }), [1, 3])
      assert.deepEqual(await offsets({ event: 'event-3' }), [3])
      assert.deepEqual(await offsets({ ...partition }), [1, 2, 3])
      assert.deepEqual(await offsets({ partition: 9 }), [])
      assert.deepEqual(await offsets({ untilMs: 1_000 }), [])
      assert.deepEqual(await offsets({ fromMs: 1_000, state: 'open' }), [1, 2, 3])
      assert.deepEqual(await offsets({ state: 'discarded' }), [])
      const first = await ledger.deadLetters({}, { after: 0n, limit: 2 })
      const rest = await ledger.deadLetters({}, { after: first.next ?? 0n, limit: 2 })
      assert.deepEqual(
        [...first.found, ...rest.found].map(({ offset }) => offset),
        [1n, 2n, 3n],
      )
      assert.equal(rest.next, undefined)
    },
  },
  {
    title: 'counts dead letters by how they failed',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const other = failure({ reaction: 'refund', code: 'TROUPE_EVENT_INVALID', group: 'refund-1' })
      const late = failure({ message: 'no card 2' })
      await owner.settle(parking([], [letter(1), letter(2, 'b', { failure: other })]))
      await owner.settle(parking([], [letter(3, 'c', { failure: late })]))
      const groups = await ledger.deadLetterGroups({})
      assert.deepEqual(
        groups.map(({ group, reaction, code, message, count }) => ({
          group,
          reaction,
          code,
          message,
          count,
        })),
        [
          {
            group: 'charge-1',
            reaction: 'charge',
            code: 'TROUPE_REACTION_FAILED',
            message: 'no card 2',
            count: 2,
          },
          {
            group: 'refund-1',
            reaction: 'refund',
            code: 'TROUPE_EVENT_INVALID',
            message: 'no card',
            count: 1,
          },
        ],
      )
      assert.equal((await ledger.deadLetterGroups({ reaction: 'refund' })).length, 1)
    },
  },
  {
    title: 'redrives a dead letter once, through the inbox, before what came after it',
    async holds(open) {
      const ledger = await twoInstances(open)
      const owner = await ownerOf(ledger(0))
      await owner.settle(parking([], [letter(5)]), { inbox: [dead(5), entry('event-6')] })
      await owner.settle(parking([park('order-1', [7, 8], 3_600_000)]))
      const before = await versionOf(ledger(0), 'order-1')
      const asked = [{ id: letter(5).id }, { id: 'order.events/3/6' }]
      const twice = await Promise.all([0, 1].map((turn) => ledger(turn).redrive(asked, action)))
      assert.deepEqual(twice.flat(), [letter(5).id])
      assert.deepEqual(await offsetsOf(ledger(0), 'order-1'), [5, 7, 8])
      assert.notEqual(await versionOf(ledger(0), 'order-1'), before)
      assert.deepEqual(await dueIn(ledger(0)), ['order-1'])
      const [work] = await ledger(0).parkedWork([place('order-1')], limits)
      assert.deepEqual(
        work?.records.map(({ redrives }) => redrives),
        [1, 0, 0],
      )
      assert.equal(work?.attempts, 0)
      assert.equal(await hasSeen(ledger(0), 5), false)
      assert.equal(await hasSeen(ledger(0), 6), true)
      const { found } = await ledger(0).operatorActions({}, firstPage)
      assert.deepEqual(
        found.map(({ by, reason, did, count, names }) => ({ by, reason, did, count, names })),
        [{ ...action, did: 'redrive', count: 1, names: [letter(5).id] }],
      )
    },
  },
  {
    title: 'tells what people did, the latest first, and the portions of one command as one',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const offsets = Array.from({ length: 130 }, (_, nth) => nth + 1)
      await owner.settle(
        parking(
          [],
          offsets.map((offset) => letter(offset)),
        ),
      )
      const ids = offsets.map((offset) => letter(offset).id)
      const command = { ...action, command: 'command-1' }
      await ledger.discardDeadLetters(ids.slice(0, 120), command)
      await ledger.discardDeadLetters([ids[125] ?? ''], { by: 'bob', reason: 'a test' })
      await ledger.discardDeadLetters(ids.slice(120, 125), command)
      // The same words of somebody else are another command.
      await ledger.discardDeadLetters([ids[126] ?? ''], { ...command, by: 'eve' })
      await ledger.redrive([{ id: ids[125] ?? '' }], { by: 'bob', reason: 'no test' })
      const page = { after: 0n, limit: 10 }
      const list = async (filter: Parameters<Ledger['operatorActions']>[0]) =>
        (await ledger.operatorActions(filter, page)).found.map(({ by, did, count, portions }) =>
          [by, did, count, portions].join(' '),
        )
      const all = await ledger.operatorActions({}, page)
      assert.deepEqual(await list({}), [
        'bob redrive 1 1',
        'eve discard dead letters 1 1',
        'bob discard dead letters 1 1',
        'ada discard dead letters 125 2',
      ])
      const [, , , first] = all.found
      assert.equal(first?.command, 'command-1')
      assert.equal(first?.names.length, 100)
      assert.ok((first?.lastAtMs ?? 0) >= (first?.atMs ?? 1))
      assert.deepEqual(await list({ by: 'bob' }), ['bob redrive 1 1', 'bob discard dead letters 1 1'])
      assert.deepEqual(await list({ by: 'bob', did: 'redrive' }), ['bob redrive 1 1'])
      // Also one that is not told.
      assert.deepEqual(await list({ name: ids[124] }), ['ada discard dead letters 125 2'])
      assert.deepEqual(await list({ name: 'order.events/3/999' }), [])
      assert.deepEqual(await list({ untilMs: 1_000 }), [])
      assert.equal((await list({ fromMs: 1_000 })).length, 4)
      const some = await ledger.operatorActions({}, { after: 0n, limit: 3 })
      const rest = await ledger.operatorActions({}, { after: some.next ?? 0n, limit: 3 })
      assert.deepEqual(plain([...some.found, ...rest.found]), plain(all.found))
      assert.equal(rest.next, undefined)
    },
  },
  {
    title: 'forgets of a redriven letter only that it was one: what was applied stays applied',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      // The same event came again at another place, and was applied there.
      await owner.settle(parking([], [letter(5)]), { inbox: [entry('event-5')] })
      assert.deepEqual(await ledger.redrive([{ id: letter(5).id }], action), [letter(5).id])
      assert.equal(await hasSeen(ledger, 5), true)
    },
  },
  {
    title: 'redrives a mended event with a link to the original, which is kept',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const { id } = letter(5)
      await owner.settle(parking([], [letter(5)]))
      await ledger.redrive([{ id, mended: { value: Uint8Array.of(9, 9), schemaName: 'schema-2' } }], action)
      const [work] = await ledger.parkedWork([place('order-1')], limits)
      const [mended] = work?.records ?? []
      const { record } = aside(5)
      assert.deepEqual(
        plain(mended),
        plain({
          ...record,
          redrives: 1,
          value: Uint8Array.of(9, 9),
          headers: { ...record.headers, [redrivenFromHeader]: id, [headerNames.dataSchema]: 'schema-2' },
        }),
      )
      assert.deepEqual(plain((await ledger.deadLetter(id))?.record), plain(record))
    },
  },
  {
    title: 'opens a dead letter again that failed again, with its last failure and its first bytes',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const { id } = letter(5)
      await owner.settle(parking([], [letter(5)]), { inbox: [dead(5)] })
      await ledger.redrive([{ id, mended: { value: Uint8Array.of(9), schemaName: 'schema-2' } }], action)
      const again = letter(5, 'order-1', { failure: failure({ message: 'again' }), attempts: 3 })
      const retry = {
        ...place('order-1'),
        form: 'retry',
        version: (await versionOf(ledger, 'order-1')) ?? 0,
        done: [5n],
        next: { state: 'free' },
      } as const
      await owner.settle(parking([retry], [again]), { inbox: [dead(5)] })
      const stored = await ledger.deadLetter(id)
      const { state, redrives, attempts, failure: last } = stored ?? assert.fail('it is gone')
      assert.deepEqual([state, redrives, attempts, last.message], ['open', 1, 3, 'again'])
      assert.deepEqual(plain(stored?.record.value), { bytes: [5] })
      assert.deepEqual(await ledger.redrive([{ id }], action), [id])
    },
  },
  {
    title: 'holds what follows a dead letter until that is redriven, and puts it in front',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([hold('order-1', 5, [6])], [letter(5)]), { inbox: [dead(5)] })
      assert.deepEqual(await dueIn(ledger), [])
      assert.deepEqual(await ledger.parkedWork([place('order-1')], limits), [])
      const [held] = (await ledger.parkedKeys({}, firstPage)).found
      assert.deepEqual([held?.state, held?.deadLetter, held?.nextAtMs], ['held', letter(5).id, undefined])
      await ledger.redrive([{ id: letter(5).id }], action)
      assert.deepEqual(await dueIn(ledger), ['order-1'])
      assert.deepEqual(await offsetsOf(ledger, 'order-1'), [5, 6])
    },
  },
  {
    title: 'goes on holding a key for its dead letter when another one of the key is redriven',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([hold('order-1', 5, [6])], [letter(3), letter(5)]))
      assert.deepEqual(await ledger.redrive([{ id: letter(3).id }], action), [letter(3).id])
      assert.deepEqual(await dueIn(ledger), [])
      const [held] = (await ledger.parkedKeys({}, firstPage)).found
      assert.deepEqual([held?.state, held?.deadLetter, held?.events], ['held', letter(5).id, 2])
      await ledger.redrive([{ id: letter(5).id }], action)
      assert.deepEqual(await dueIn(ledger), ['order-1'])
      assert.deepEqual(await offsetsOf(ledger, 'order-1'), [3, 5, 6])
    },
  },
  {
    title:
      'discards the dead letter that a key is held for as the head of that key, and lets its followers go',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      const keys = [hold('a', 1, [2]), hold('b', 3, [4]), hold('c', 5, [])]
      await owner.settle(parking(keys, [letter(1, 'a'), letter(3, 'b'), letter(5, 'c')]))
      assert.equal(await ledger.discardParked([place('a'), place('c')], 'head', action), 2)
      assert.deepEqual(await dueIn(ledger), ['a'])
      assert.deepEqual(await offsetsOf(ledger, 'a'), [2])
      assert.equal(await versionOf(ledger, 'c'), undefined)
      assert.equal(await ledger.discardParked([place('b')], 'all', action), 2)
      assert.equal(await versionOf(ledger, 'b'), undefined)
      const { found } = await ledger.deadLetters({ state: 'any' }, firstPage)
      assert.deepEqual(
        found.map(({ offset, state }) => [Number(offset), state]).toSorted(byOffset),
        [1, 3, 4, 5].map((offset) => [offset, 'discarded']),
      )
    },
  },
  {
    title: 'discards a key once that is named twice, and blames nobody but the head for its failure',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([park('a', [1, 2])]))
      assert.equal(await ledger.discardParked([place('a'), place('a')], 'all', action), 2)
      const { found } = await ledger.deadLetters({ state: 'discarded' }, firstPage)
      assert.deepEqual(
        found
          .map(({ offset, attempts, failure: { reaction, message } }) => [
            Number(offset),
            attempts,
            reaction,
            message,
          ])
          .toSorted(byOffset),
        [
          [1, 1, 'charge', 'no card'],
          [2, 0, undefined, action.reason],
        ],
      )
    },
  },
  {
    title: 'lets go of what is held for a dead letter that is discarded',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([hold('order-1', 5, [6])], [letter(5), letter(9, 'b')]))
      const ids = [letter(5).id, letter(9).id, 'order.events/3/77']
      assert.deepEqual([...(await ledger.discardDeadLetters(ids, action))].sort(), ids.slice(0, 2))
      assert.deepEqual(await ledger.discardDeadLetters(ids, action), [])
      assert.deepEqual(await dueIn(ledger), ['order-1'])
      const { found } = await ledger.deadLetters({ state: 'any' }, firstPage)
      assert.deepEqual(
        found.map(({ state }) => state),
        ['discarded', 'discarded'],
      )
      // Somebody may have been wrong.
      assert.deepEqual(await ledger.redrive([{ id: letter(9).id }], action), [letter(9).id])
    },
  },
  {
    title: 'tries parked keys at once when a person asks for it, held ones from the next event on',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(
        parking([park('waits', [1], 3_600_000), hold('held', 2, [3]), hold('empty', 4, [])], [letter(2)]),
      )
      const asked = ['waits', 'held', 'empty', 'free'].map(place)
      assert.equal(await ledger.retryParked(asked, action), 3)
      assert.deepEqual([...(await dueIn(ledger))].sort(), ['held', 'waits'])
      const work = await ledger.parkedWork(asked, limits)
      assert.deepEqual(
        work.map(({ key, attempts }) => [key, attempts]),
        [
          ['waits', 1],
          ['held', 0],
        ],
      )
      assert.equal(await versionOf(ledger, 'empty'), undefined)
      assert.equal(await ledger.retryParked([place('free')], action), 0)
      const { found } = await ledger.operatorActions({}, firstPage)
      assert.deepEqual(
        found.map(({ did, count }) => [did, count]),
        [['retry parked', 3]],
      )
    },
  },
  {
    title: 'discards the head of a parked key, or all of it, and keeps what it gave up',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([park('a', [1, 2], 3_600_000), park('b', [3, 4], 3_600_000)]))
      const before = (await versionOf(ledger, 'a')) ?? 0
      assert.equal(await ledger.discardParked([place('a')], 'head', action), 1)
      assert.equal(await ledger.discardParked([place('b'), place('c')], 'all', action), 2)
      assert.deepEqual(await dueIn(ledger), ['a'])
      assert.equal(await versionOf(ledger, 'b'), undefined)
      assert.deepEqual(await offsetsOf(ledger, 'a'), [2])
      const { found } = await ledger.deadLetters({ state: 'discarded' }, firstPage)
      assert.deepEqual(
        found.map(({ offset }) => Number(offset)).sort((left, right) => left - right),
        [1, 3, 4],
      )
      assert.deepEqual(
        plain((await ledger.deadLetter('order.events/3/1'))?.record),
        plain(aside(1, 'a').record),
      )
      assert.equal(await hasSeen(ledger, 1), true)
      assert.equal(await hasSeen(ledger, 2), false)
      // Who was trying it meanwhile finds that it has changed.
      const stale = {
        ...place('a'),
        form: 'retry',
        version: before,
        done: [1n],
        next: { state: 'free' },
      } as const
      await refusal(owner.settle(parking([stale])), 'TROUPE_CONFLICT')
    },
  },
  {
    title: 'finds parked keys by what is known of them and of what is parked, page by page',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerOf(ledger)
      await owner.settle(parking([park('a', [1, 2]), park('b', [3])]))
      await owner.settle(parking([hold('c', 4, [5])]))
      const keys = async (filter: Parameters<Ledger['parkedKeys']>[0]) =>
        (await ledger.parkedKeys(filter, firstPage)).found.map(({ key }) => key)
      assert.deepEqual((await keys({})).toSorted(), ['a', 'b', 'c'])
      assert.deepEqual(await keys({ event: 'event-2' }), ['a'])
      assert.deepEqual(await keys({ saga: 'saga-b' }), ['b'])
      assert.deepEqual(await keys({ key: 'c', group: 'charge-1' }), ['c'])
      assert.deepEqual(await keys({ reaction: 'refund' }), [])
      const first = await ledger.parkedKeys({}, { after: 0n, limit: 2 })
      const rest = await ledger.parkedKeys({}, { after: first.next ?? 0n, limit: 2 })
      assert.deepEqual([first.found.length, rest.found.length, rest.next], [2, 1, undefined])
      const page = await ledger.parkedRecords(place('a'), { after: 1n, limit: 10 })
      assert.deepEqual(plain(page.found), plain([aside(2, 'a')]))
    },
  },
]
