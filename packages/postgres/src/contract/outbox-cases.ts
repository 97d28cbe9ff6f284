import assert from 'node:assert/strict'
import type { OutgoingRecord } from '@troupe/core'
import {
  migrated,
  outgoingOf,
  plain,
  record,
  settlement,
  twoInstances,
  unpublishedIn,
} from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

const bytes = Uint8Array.of(0, 255, 128, 10)

/** Everything that a record may be. */
const records: readonly OutgoingRecord[] = [
  record('text key', { key: 'order-1\0 é' }),
  record('byte key', { key: bytes }),
  record('empty text key', { key: '' }),
  record('empty byte key', { key: new Uint8Array() }),
  record('no key', { key: null }),
  record('no value', { value: null }),
  record('empty value', { value: new Uint8Array() }),
  record('large value', { value: new Uint8Array(300_000).fill(9) }),
  record('headers', {
    headers: {
      text: 'a\0"\\ é\ud800',
      bytes,
      none: new Uint8Array(),
      many: ['text', bytes, ''],
      empty: [],
      ['name\0"']: 'odd',
      base64: 'AA==',
    },
  }),
  record('a header that is a property of every object', {
    headers: Object.fromEntries([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]),
  }),
]

export const outboxCases: readonly LedgerCase[] = [
  {
    title: 'gives records back exactly, text as text and bytes as bytes',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(settlement({ outbox: records }))
      assert.deepEqual(plain(await unpublishedIn(ledger, 'order.events/0')), plain(records))
    },
  },
  {
    title: 'leaves out a header that is undefined',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(
        settlement({ outbox: [record('1', { headers: { there: 'x', absent: undefined } })] }),
      )
      const [found] = await unpublishedIn(ledger, 'order.events/0')
      assert.deepEqual(found?.headers, { there: 'x' })
    },
  },
  {
    title: 'keeps the order of records within a settlement and from one to the next, per lane',
    async holds(open) {
      const ledger = await migrated(open)
      const ids = Array.from({ length: 300 }, (_, index) => `${(index * 7919) % 300}`)
      for (let at = 0; at < ids.length; at += 100) {
        const outbox = ids
          .slice(at, at + 100)
          .map((id) => record(id, { lane: Number(id) % 2 ? 'odd' : 'even' }))
        await ledger.settle(settlement({ outbox }))
      }
      const again = open()
      const odd = await unpublishedIn(again, 'odd')
      assert.deepEqual(
        odd.map(({ id }) => id),
        ids.filter((id) => Number(id) % 2),
      )
      assert.equal((await unpublishedIn(again, 'even')).length, 150)
      assert.deepEqual(await unpublishedIn(again, 'other'), [])
    },
  },
  {
    title: 'numbers the records of two instances in the order in which they wrote a document',
    async holds(open) {
      const ledger = await twoInstances(open)
      let version = 0
      const settleNext = async (index: number): Promise<void> => {
        const at = version
        const done = await ledger(index)
          .settle(
            settlement({
              documents: [{ kind: 'stock', key: 'book', expectedVersion: at, state: {} }],
              outbox: [record(String(at).padStart(3, '0'))],
            }),
          )
          .then(
            () => true,
            () => false,
          )
        if (done) version = Math.max(version, at + 1)
      }
      for (let round = 0; round < 20; round += 1)
        await Promise.all(Array.from({ length: 4 }, (_, index) => settleNext(index)))
      const ids = (await unpublishedIn(ledger(0), 'order.events/0')).map(({ id }) => id)
      assert.equal(ids.length, 20)
      assert.deepEqual(ids, ids.toSorted())
    },
  },
  {
    title: 'writes new records and forgets published ones in one settlement',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(settlement({ outbox: [record('1')] }))
      await ledger.settle(settlement({ outbox: [record('2')], published: ['1'] }))
      assert.deepEqual(
        (await unpublishedIn(ledger, 'order.events/0')).map(({ id }) => id),
        ['2'],
      )
    },
  },
  {
    title: 'tells of earlier records of the same topic and key, whatever their lane',
    async holds(open) {
      const ledger = await twoInstances(open)
      const tell = async (turn: number, outbox: readonly OutgoingRecord[], published: string[] = []) =>
        (await ledger(turn).settle(settlement({ outbox, published }))).predecessors.toSorted()
      assert.deepEqual(await tell(0, [record('1'), record('2')]), [])
      assert.deepEqual(await tell(1, [record('3', { lane: 'commands' })]), ['1', '2'])
      assert.deepEqual(await tell(0, [record('other key', { key: 'order-2' })]), [])
      assert.deepEqual(await tell(0, [record('other topic', { topic: 'dead' })]), [])
      assert.deepEqual(await tell(0, [record('bytes', { key: Buffer.from('order-1') })]), [])
      assert.deepEqual(await tell(0, [record('none', { key: null }), record('none too', { key: null })]), [])
      assert.deepEqual(await tell(1, [record('4'), record('5', { key: 'order-2' })], ['1', '2']), [
        '3',
        'other key',
      ])
    },
  },
  {
    title: 'gives records back with all that goes before them, in the order in which they were written',
    async holds(open) {
      const ledger = await migrated(open)
      const keyOf = (index: number) => (index % 3 === 0 ? 'order-3' : `order-${index % 2}`)
      const all = Array.from({ length: 1_200 }, (_, index) =>
        record(String(index), { key: keyOf(index), lane: `lane ${index % 5}` }),
      )
      await ledger.settle(settlement({ outbox: all }))
      const wanted = all.filter(({ key }, index) => index <= 1_000 && key === keyOf(1_000))
      assert.deepEqual(plain(await outgoingOf(ledger, ['1000', '4', 'gone'])), plain(wanted))
      const lane = all.filter((one) => one.lane === 'lane 2').map(({ id }) => id)
      assert.deepEqual(
        (await unpublishedIn(ledger, 'lane 2')).map(({ id }) => id),
        lane,
      )
      assert.deepEqual(await outgoingOf(ledger, []), [])
    },
  },
  {
    title: 'tells what is not published for a while, in any lane, from what is',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(settlement({ outbox: [record('1'), record('2', { lane: 'gone' })] }))
      assert.deepEqual((await ledger.unpublished({ olderThanMs: 3_600_000 })).found, [])
      assert.deepEqual((await ledger.unpublished({ olderThanMs: 0 })).found, ['1', '2'])
    },
  },
]
