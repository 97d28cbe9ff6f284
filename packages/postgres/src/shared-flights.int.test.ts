import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Ledger, Settlement } from '@troupe/core'
import { entry, moveOf, record, request, settlement, stepWrite, write } from './contract/case-building.ts'
import { startStores, type Stores } from './stores.test.kit.ts'

let stores: Stores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

const partitionsCount = 4

async function withLedger(work: (ledger: Ledger, commits: () => Promise<number>) => Promise<void>) {
  const store = stores.make()
  const ledger = store.open()
  try {
    await ledger.migrate()
    const commits = async () => {
      const [row] = await stores.query<{ xmins: string }>(
        `SELECT count(DISTINCT xmin::text)::text AS xmins FROM ${store.schema}.inbox`,
      )
      return Number(row?.xmins)
    }
    await work(ledger, commits)
  } finally {
    await ledger.close()
  }
}

/** A settlement for each partition, with a row of everything. */
async function oneForEach(ledger: Ledger): Promise<Settlement[]> {
  return Promise.all(
    Array.from({ length: partitionsCount }, async (_, partition) => {
      const claim = await ledger.claim({ topic: 'order.events', partition })
      const tag = `of-${partition}`
      return settlement({
        position: moveOf(claim, 7n),
        inbox: [entry(tag)],
        documents: [write(tag, 0)],
        steps: [stepWrite({ saga: tag, touched: [{ kind: 'stock', key: tag }] })],
        outbox: [record(tag, { key: tag })],
      })
    }),
  )
}

async function positionsOf(ledger: Ledger) {
  const claims = await Promise.all(
    Array.from({ length: partitionsCount }, (_, partition) =>
      ledger.positionOf({ topic: 'order.events', partition }),
    ),
  )
  return claims.map((claim) => claim?.next)
}

describe('settlements of one moment', () => {
  it('share a transaction, and every partition moves on', async () => {
    await withLedger(async (ledger, commits) => {
      const all = await oneForEach(ledger)
      await Promise.all(all.map((one) => ledger.settle(one)))
      expect(await positionsOf(ledger)).toEqual([7n, 7n, 7n, 7n])
      expect(await commits()).toBe(1)
    })
  })

  it('stand alone where one of them is fenced: the others are settled', async () => {
    await withLedger(async (ledger) => {
      const all = await oneForEach(ledger)
      await ledger.claim({ topic: 'order.events', partition: 2 })
      const ends = await Promise.allSettled(all.map((one) => ledger.settle(one)))
      expect(
        ends.map((end) => (end.status === 'rejected' ? (end.reason as { code: string }).code : 'settled')),
      ).toEqual(['settled', 'settled', 'TROUPE_FENCED', 'settled'])
      expect(await positionsOf(ledger)).toEqual([7n, 7n, undefined, 7n])
    })
  })

  it('do not decide past each other: what one has read the other may not write unseen', async () => {
    await withLedger(async (ledger) => {
      await ledger.settle(settlement({ documents: [write('one', 0), write('other', 0)] }))
      const crossed = (read: string, written: string) =>
        ledger.settle(
          settlement({
            documentsRead: [{ kind: 'stock', key: read, expectedVersion: 1 }],
            documents: [write(written, 1)],
          }),
        )
      const first = ledger.settle(settlement({ inbox: [entry('first')] }))
      const ends = await Promise.allSettled([crossed('one', 'other'), crossed('other', 'one')])
      await first
      expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    })
  })
})

describe('recalls of one moment', () => {
  it('get exactly what each would get alone', async () => {
    await withLedger(async (ledger) => {
      const all = await oneForEach(ledger)
      for (const one of all) await ledger.settle(one)
      const asked = [
        request({
          events: [
            { source: 'order', id: 'unheard' },
            { source: 'order', id: 'of-0' },
          ],
        }),
        request({
          events: [{ source: 'order', id: 'of-1' }],
          documents: [
            { kind: 'stock', key: 'of-3' },
            { kind: 'stock', key: 'none' },
          ],
        }),
        request({ steps: [{ saga: 'of-2', step: 'reserveStock', withDocuments: true }] }),
        request({
          documents: [
            { kind: 'stock', key: 'of-2' },
            { kind: 'stock', key: 'of-3' },
          ],
          steps: [{ saga: 'of-2', step: 'reserveStock', withDocuments: false }],
        }),
      ]
      const alone = []
      for (const one of asked) alone.push(await ledger.recall(one))
      // The first of all waits for nobody, and shares with nobody.
      const ahead = request({ events: [{ source: 'order', id: 'ahead' }] })
      const together = await Promise.all([ahead, ...asked].map((one) => ledger.recall(one)))
      expect(together.slice(1)).toEqual(alone)
      expect(alone.map(({ documents }) => documents.length)).toEqual([0, 1, 1, 2])
    })
  })
})
