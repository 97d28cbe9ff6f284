import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { everywhere, moveOf, record, request, settlement, write } from '../contract/case-building.ts'
import { startStores, type Stores } from '../stores.test.kit.ts'
import { type Chunk, startProxy } from './proxy.test.kit.ts'

let stores: Stores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

/** Opens a migrated ledger of one connection, and listens to what `work` says on it. */
async function overheard(
  work: (ledger: ReturnType<ReturnType<Stores['make']>['open']>, listen: () => void) => Promise<void>,
): Promise<Chunk[]> {
  const store = stores.make()
  const proxy = await startProxy(store.url)
  const ledger = store.open({ url: proxy.url, connectionsMax: 1 })
  try {
    await ledger.migrate()
    await ledger.ping()
    await work(ledger, () => proxy.transcript.splice(0))
    return proxy.transcript
  } finally {
    await ledger.close()
    await proxy.close()
  }
}

/** Who spoke, each turn once, and what was said in it. */
function turns(chunks: readonly Chunk[]): Chunk[] {
  const said: { from: Chunk['from']; types: string }[] = []
  for (const { from, types } of chunks) {
    const last = said.at(-1)
    if (last?.from === from) last.types += types
    else said.push({ from, types })
  }
  return said
}

describe('a flight', () => {
  it('recalls everything in one round trip, first parsed and then only bound', async () => {
    const wanted = request({
      events: [{ source: 'order', id: '1' }],
      documents: [write('book', 0)],
      steps: [{ saga: 'saga-1', step: 'reserveStock', withDocuments: true }],
      answers: [{ command: 'placeOrder', idempotencyKey: '1' }],
    })
    for (const [times, said] of [
      [1, 'PBES'],
      [2, 'BES'],
    ] as const) {
      const heard = await overheard(async (ledger, listen) => {
        for (let time = 1; time < times; time += 1) await ledger.recall(wanted)
        listen()
        await ledger.recall(wanted)
      })
      const [question, answer, ...more] = turns(withoutGoodbye(heard))
      expect(question).toEqual({ from: 'client', types: said })
      expect(answer?.from).toBe('server')
      expect(answer?.types.match(/Z/g)).toHaveLength(1)
      expect(more).toEqual([])
    }
  })

  it('settles ten statements in one round trip with one Sync', async () => {
    const heard = await overheard(async (ledger, listen) => {
      await ledger.settle(everywhere('stored'))
      const claim = await ledger.claim({ topic: 'order.events', partition: 0 })
      const whole = everywhere('more')
      const settleAll = (from: bigint | undefined, tag: string, version: number) =>
        ledger.settle({
          ...everywhere(tag),
          position: moveOf({ ...claim, next: from }, (from ?? 0n) + 1n),
          documents: [...everywhere(tag).documents, write('document-stored', version)],
          steps: [
            ...everywhere(tag).steps,
            { ...(whole.steps[0] as (typeof whole.steps)[0]), saga: 'saga-stored', expectedState: 'done' },
          ],
          published: ['record-stored'],
        })
      await settleAll(undefined, 'first', 1)
      listen()
      await settleAll(1n, 'second', 2)
    })
    const [question, answer, ...more] = turns(withoutGoodbye(heard))
    expect(question).toEqual({ from: 'client', types: `${'BE'.repeat(10)}S` })
    expect(answer?.types.match(/Z/g)).toHaveLength(1)
    expect(more).toEqual([])
  })

  it('parses again what an error kept from being parsed, and nothing twice', async () => {
    const heard = await overheard(async (ledger, listen) => {
      const taken = settlement({ documents: [write('book', 1)], outbox: [record('1')] })
      await expect(ledger.settle(taken)).rejects.toMatchObject({ code: 'TROUPE_CONFLICT' })
      listen()
      await ledger.settle(settlement({ documents: [write('book', 0)], outbox: [record('1')] }))
      const next = settlement({ documents: [write('book', 1)], outbox: [record('2')] })
      await ledger.settle(next)
    })
    const said = turns(withoutGoodbye(heard)).filter(({ from }) => from === 'client')
    // insert-documents and insert-outbox are new to the server, update-documents is not.
    expect(said.map(({ types }) => types)).toEqual(['PBEPBES', 'BEBES'])
  })
})

/** Closing a connection says X, which is nobody's question. */
function withoutGoodbye(chunks: readonly Chunk[]): Chunk[] {
  return chunks.filter(({ types }) => types !== 'X')
}
