import assert from 'node:assert/strict'
import { commandLane, type DeadlineWrite, type Ledger } from '@troupe/core'
import {
  deadline,
  entry,
  migrated,
  outgoingOf,
  plain,
  record,
  refusal,
  settlement,
  twoInstances,
  unpublishedIn,
} from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

const now = { afterMs: 0 }
const never = { afterMs: 3_600_000 }

const set = (ledger: Ledger, ...deadlines: readonly DeadlineWrite[]) =>
  ledger.settle(settlement({ deadlines }))
const lift = (name: string): DeadlineWrite => ({ saga: 'saga-1', name, set: undefined })
const firedOf = async (ledger: Ledger) => (await ledger.fire()).records.map(({ id }) => id)

/** Until nothing is due any more. */
async function fireAll(ledger: Ledger): Promise<readonly string[]> {
  const all: string[] = []
  for (let page = await firedOf(ledger); page.length > 0; page = await firedOf(ledger)) all.push(...page)
  return all
}

export const deadlineCases: readonly LedgerCase[] = [
  {
    title: 'fires a deadline that is due, once, and leaves one that is not',
    async holds(open) {
      const ledger = await migrated(open)
      assert.deepEqual(await ledger.fire(), { records: [], nextMs: undefined })
      await set(ledger, deadline('due', { atMs: Date.now() - 10_000 }), deadline('later', never))
      const { count, overdueMs } = await ledger.pendingDeadlines()
      assert.equal(count, 2)
      assert.ok(overdueMs > 0 && overdueMs < 3_600_000, String(overdueMs))
      assert.deepEqual(await unpublishedIn(ledger, commandLane), [])
      const { records, nextMs } = await ledger.fire()
      assert.deepEqual(
        records.map(({ id }) => id),
        ['record-due'],
      )
      assert.ok(records.every(({ lateMs }) => lateMs >= 0))
      assert.ok(nextMs !== undefined && nextMs > 3_000_000 && nextMs <= 3_600_000, String(nextMs))
      assert.deepEqual(await firedOf(open()), [])
      assert.deepEqual(await ledger.pendingDeadlines(), { count: 1, overdueMs: 0 })
    },
  },
  {
    title:
      'makes a fired deadline a record of the outbox, exactly as it was set, behind earlier ones of its key',
    async holds(open) {
      const ledger = await migrated(open)
      const one = record('timed', {
        lane: commandLane,
        key: 'order-7',
        headers: { text: 'é"\0', bytes: Uint8Array.of(0, 255), many: ['a', Uint8Array.of(1)] },
        value: Uint8Array.of(0, 128, 255),
      })
      const earlier = record('earlier', { key: 'order-7' })
      await ledger.settle(
        settlement({
          outbox: [earlier],
          deadlines: [{ saga: 'saga-1', name: 'one', set: { due: now, record: one } }],
        }),
      )
      assert.deepEqual(await firedOf(ledger), ['timed'])
      assert.deepEqual(plain(await unpublishedIn(ledger, commandLane)), plain([one]))
      assert.deepEqual(
        (await outgoingOf(ledger, ['timed'])).map(({ id }) => id),
        ['earlier', 'timed'],
      )
      const { predecessors } = await ledger.settle(
        settlement({ outbox: [record('after', { key: 'order-7' })] }),
      )
      assert.deepEqual(predecessors.toSorted(), ['earlier', 'timed'])
    },
  },
  {
    title: 'fires at a time since the epoch as well as after a delay, those due first first',
    async holds(open) {
      const ledger = await migrated(open)
      await set(
        ledger,
        deadline('now', now),
        deadline('long ago', { atMs: 1_000 }),
        deadline('ago', { atMs: 2_000 }),
        deadline('far off', { atMs: 8_000_000_000_000 }),
      )
      assert.deepEqual(await firedOf(ledger), ['record-long ago', 'record-ago', 'record-now'])
    },
  },
  {
    title: 'fires nothing that was lifted, and lifts what is not there without a word',
    async holds(open) {
      const ledger = await migrated(open)
      await set(ledger, deadline('lifted', now), deadline('kept', now), {
        ...deadline('lifted', now, { id: 'of another saga' }),
        saga: 'saga-2',
      })
      await set(open(), lift('lifted'), lift('unheard of'))
      assert.deepEqual((await fireAll(ledger)).toSorted(), ['of another saga', 'record-kept'])
      await set(ledger, lift('kept'))
      assert.equal((await unpublishedIn(ledger, commandLane)).length, 2)
    },
  },
  {
    title: 'lets another deadline take the place of the one of its name, and the same one change nothing',
    async holds(open) {
      const ledger = await migrated(open)
      await set(ledger, deadline('one', never), deadline('other', never))
      await set(ledger, deadline('one', now, { id: 'another' }), deadline('other', now))
      assert.deepEqual(await fireAll(ledger), ['another'])
      assert.equal((await ledger.pendingDeadlines()).count, 1)
    },
  },
  {
    title: 'sets and lifts nothing of a settlement that is refused',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(settlement({ inbox: [entry('1')], deadlines: [deadline('kept', now)] }))
      const again = settlement({ inbox: [entry('1')], deadlines: [deadline('new', now), lift('kept')] })
      await refusal(ledger.settle(again), 'TROUPE_CONFLICT')
      assert.deepEqual(await fireAll(ledger), ['record-kept'])
    },
  },
  {
    title: 'fires each of a thousand once, whichever of two instances asks',
    async holds(open) {
      const ledger = await twoInstances(open)
      const names = Array.from({ length: 1_200 }, (_, index) => `deadline ${index}`)
      await set(ledger(0), ...names.map((name) => deadline(name, now)))
      const fired = await Promise.all([0, 1, 2, 3].map((turn) => fireAll(ledger(turn))))
      assert.deepEqual(fired.flat().toSorted(), names.map((name) => `record-${name}`).toSorted())
      assert.equal((await unpublishedIn(ledger(0), commandLane)).length, 1_200)
      assert.deepEqual(await ledger(1).pendingDeadlines(), { count: 0, overdueMs: 0 })
    },
  },
  {
    title: 'has one that is lifted and fired at one time end one way',
    async holds(open) {
      const ledger = await twoInstances(open)
      const names = Array.from({ length: 200 }, (_, index) => `deadline ${index}`)
      await set(ledger(0), ...names.map((name) => deadline(name, now)))
      const half = names.filter((_, index) => index % 2 === 0)
      const [fired] = await Promise.all([
        fireAll(ledger(0)),
        ...half.map((name) => ledger(1).settle(settlement({ deadlines: [lift(name)] }))),
      ])
      const left = await fireAll(ledger(1))
      const all = [...fired, ...left]
      assert.equal(new Set(all).size, all.length)
      assert.ok(names.every((name) => half.includes(name) || all.includes(`record-${name}`)))
      assert.equal((await unpublishedIn(ledger(0), commandLane)).length, all.length)
    },
  },
  {
    title: 'fires one whose record is in the outbox already, and leaves that as it is',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(settlement({ outbox: [record('timed', { key: 'first' })] }))
      await set(ledger, deadline('timed', now, { id: 'timed', key: 'second' }))
      assert.deepEqual(await firedOf(ledger), ['timed'])
      assert.deepEqual(
        (await outgoingOf(ledger, ['timed'])).map(({ key }) => key),
        ['first'],
      )
      assert.equal((await ledger.pendingDeadlines()).count, 0)
    },
  },
]
