import assert from 'node:assert/strict'
import { retryVerdictOf } from '@troupe/core'
import { migrated, refusal, request, settlement, write } from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

/** In the order of their bytes in UTF-8, which is neither an alphabet's nor that of UTF-16. */
const keysInOrder = ['"', 'A', 'Z', 'a', 'a\n', 'ab', 'b', 'é', 'ー', '\uFF5E', '😀']

export const documentCases: readonly LedgerCase[] = [
  {
    title: 'counts the versions of a document from 1',
    async holds(open) {
      const ledger = await migrated(open)
      const name = { kind: 'stock', key: 'book' }
      assert.equal(await ledger.document(name), undefined)
      await ledger.settle(settlement({ documents: [write('book', 0, { free: 1 })] }))
      assert.deepEqual(await ledger.document(name), { ...name, version: 1, state: { free: 1 } })
      await ledger.settle(settlement({ documents: [write('book', 1, { free: 0 })] }))
      assert.deepEqual(await ledger.document(name), { ...name, version: 2, state: { free: 0 } })
      assert.equal(await ledger.document({ kind: 'order', key: 'book' }), undefined)
    },
  },
  {
    title: 'keeps every string that JSON can hold, NUL and half surrogate pairs included',
    async holds(open) {
      const ledger = await migrated(open)
      const state = {
        texts: ['\0', '\u0001', '\ud800', '\udc00x', '"\\\'{},', 'é😀', '\u2028', '\uFFFF', ''],
        ['key\0\ud800']: { deep: [null, true, -0.5, 1e300, { '': {} }] },
      }
      await ledger.settle(settlement({ documents: [write('book', 0, state)] }))
      await ledger.settle(settlement({ documents: [write('book', 1, state)] }))
      assert.deepEqual((await ledger.document({ kind: 'stock', key: 'book' }))?.state, state)
      const { documents } = await ledger.recall(request({ documents: [{ kind: 'stock', key: 'book' }] }))
      assert.deepEqual(documents[0]?.state, state)
    },
  },
  {
    title: 'blames the work for a key that no text can hold, and goes on',
    async holds(open) {
      const ledger = await migrated(open)
      for (const key of ['nul\0', 'half\ud800']) {
        for (const work of [
          () => ledger.settle(settlement({ documents: [write(key, 0)] })),
          () => ledger.recall(request({ documents: [{ kind: 'stock', key }] })),
          () => ledger.document({ kind: 'stock', key }),
        ]) {
          await assert.rejects(work(), (error: Error) => {
            assert.equal(retryVerdictOf(error), 'blame')
            assert.match(error.message, /document key/)
            return true
          })
        }
      }
      await ledger.ping()
    },
  },
  {
    title: 'lists a kind page by page in the order of the keys’ bytes',
    async holds(open) {
      const ledger = await migrated(open)
      const shuffled = keysInOrder.toSorted(
        (left, right) => left.length - right.length || (left < right ? 1 : -1),
      )
      await ledger.settle(
        settlement({
          documents: [...shuffled.map((key) => write(key, 0)), { ...write('a', 0), kind: 'zoo' }],
        }),
      )
      const listed: string[] = []
      for (let page = await ledger.documents('stock', { limit: 3 }); page.length > 0; ) {
        assert.ok(page.length <= 3)
        listed.push(...page.map(({ key }) => key))
        page = await ledger.documents('stock', { after: listed.at(-1) as string, limit: 3 })
      }
      assert.deepEqual(listed, keysInOrder)
      assert.deepEqual(await ledger.documents('none', { limit: 1_000 }), [])
    },
  },
  {
    title: 'refuses a page of less than one document or more than a thousand',
    async holds(open) {
      const ledger = await migrated(open)
      for (const limit of [0, -1, 1_001, 1.5, Number.NaN])
        await refusal(ledger.documents('stock', { limit }), 'TROUPE_DOCUMENT_INVALID')
    },
  },
]
