import assert from 'node:assert/strict'
import type { OutgoingRecord } from '@troupe/core'
import { migrated, plain, record, settlement, twoInstances } from './case-building.ts'
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
      assert.deepEqual(plain(await ledger.unpublished('order.events/0')), plain(records))
    },
  },
  {
    title: 'leaves out a header that is undefined',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(
        settlement({ outbox: [record('1', { headers: { there: 'x', absent: undefined } })] }),
      )
      const [found] = await ledger.unpublished('order.events/0')
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
      const odd = await again.unpublished('odd')
      assert.deepEqual(
        odd.map(({ id }) => id),
        ids.filter((id) => Number(id) % 2),
      )
      assert.equal((await again.unpublished('even')).length, 150)
      assert.deepEqual(await again.unpublished('other'), [])
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
      const ids = (await ledger(0).unpublished('order.events/0')).map(({ id }) => id)
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
        (await ledger.unpublished('order.events/0')).map(({ id }) => id),
        ['2'],
      )
    },
  },
]
