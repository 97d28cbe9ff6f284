import assert from 'node:assert/strict'
import { nameLengthMax, type Settlement } from '@troupe/core'
import {
  entry,
  everywhere,
  migrated,
  plain,
  record,
  refusal,
  request,
  settlement,
  stepWrite,
  write,
} from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

export const recallCases: readonly LedgerCase[] = [
  {
    title: 'recalls what is stored and nothing else',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(everywhere('stored'))
      const found = await ledger.recall(
        request({
          events: [entry('event-stored'), entry('other')],
          documents: [write('other', 0), write('document-stored', 0)],
          steps: ['stored', 'other'].map((tag) => ({
            saga: `saga-${tag}`,
            step: 'reserveStock',
            withDocuments: false,
          })),
          answers: ['stored', 'other'].map((tag) => ({
            command: 'placeOrder',
            idempotencyKey: `key-${tag}`,
          })),
        }),
      )
      assert.deepEqual(
        plain(found),
        plain({
          seen: [{ source: 'order', id: 'event-stored' }],
          documents: [{ kind: 'stock', key: 'document-stored', version: 1, state: { tag: 'stored' } }],
          steps: [
            { saga: 'saga-stored', step: 'reserveStock', state: 'done', done: Uint8Array.of(1), touched: [] },
          ],
          answers: [
            { command: 'placeOrder', idempotencyKey: 'key-stored', inputHash: 'hash', answer: 'stored' },
          ],
          keys: [],
        }),
      )
    },
  },
  {
    title: 'recalls nothing when asked for nothing',
    async holds(open) {
      const ledger = await migrated(open)
      assert.deepEqual(await ledger.recall(request({})), {
        seen: [],
        documents: [],
        steps: [],
        answers: [],
        keys: [],
      })
    },
  },
  {
    title: 'recalls the documents that a step touched, each once, if asked to',
    async holds(open) {
      const ledger = await migrated(open)
      const touched = [
        { kind: 'stock', key: 'book' },
        { kind: 'stock', key: 'pen' },
        { kind: 'stock', key: 'never written' },
      ]
      await ledger.settle(
        settlement({
          documents: [write('book', 0, { free: 1 }), write('pen', 0, { free: 2 }), write('cup', 0)],
          steps: [
            stepWrite({ touched }),
            stepWrite({ saga: 'saga-2', touched: [{ kind: 'stock', key: 'cup' }] }),
          ],
        }),
      )
      const { documents, steps } = await ledger.recall(
        request({
          documents: [{ kind: 'stock', key: 'book' }],
          steps: [
            { saga: 'saga-1', step: 'reserveStock', withDocuments: true },
            { saga: 'saga-2', step: 'reserveStock', withDocuments: false },
            { saga: 'saga-3', step: 'reserveStock', withDocuments: true },
          ],
        }),
      )
      assert.deepEqual(documents.map(({ key }) => key).toSorted(), ['book', 'pen'])
      assert.deepEqual(steps.map(({ saga }) => saga).toSorted(), ['saga-1', 'saga-2'])
    },
  },
  {
    title: 'remembers everything under names as long as they may be, and tells them apart',
    async holds(open) {
      const ledger = await migrated(open)
      // Three bytes each in UTF-8, and nothing that could be compressed.
      const long = (seed: number) =>
        Array.from({ length: nameLengthMax }, (_, index) =>
          String.fromCharCode(0x4e00 + ((index * index * 7_919 + index * seed * 104_729 + seed) % 20_000)),
        ).join('')
      const [one, other] = [long(1), long(2)]
      const named = (name: string): Settlement =>
        settlement({
          inbox: [entry(name, { source: one, saga: name, type: name })],
          documents: [write(name, 0)],
          steps: [stepWrite({ saga: name })],
          answers: [{ command: 'placeOrder', idempotencyKey: name, inputHash: '', answer: 1 }],
          outbox: [record(name)],
        })
      await ledger.settle(named(one))
      const { seen, documents, steps, answers } = await ledger.recall(
        request({
          events: [entry(other, { source: one }), entry(one, { source: one }), entry(one, { source: other })],
          documents: [write(one, 0), write(other, 0)],
          steps: [one, other].map((saga) => ({ saga, step: 'reserveStock', withDocuments: false })),
          answers: [one, other].map((idempotencyKey) => ({ command: 'placeOrder', idempotencyKey })),
        }),
      )
      assert.deepEqual(seen, [{ source: one, id: one }])
      assert.deepEqual([documents[0]?.key, steps[0]?.saga, answers[0]?.idempotencyKey], [one, one, one])
      assert.deepEqual([documents.length, steps.length, answers.length], [1, 1, 1])
      await ledger.settle(named(other))
      await refusal(ledger.settle(settlement({ inbox: [entry(one, { source: one })] })), 'TROUPE_CONFLICT')
    },
  },
  {
    title: 'tells an answer of nothing from one of null',
    async holds(open) {
      const ledger = await migrated(open)
      const given = [undefined, null, 'text\0', 0, false, { deep: ['\ud800'] }]
      const answers = given.map((answer, index) => ({
        command: 'placeOrder',
        idempotencyKey: String(index),
        inputHash: `hash-${index}`,
        answer,
      }))
      await ledger.settle(settlement({ answers }))
      const found = await ledger.recall(request({ answers }))
      const inOrder = found.answers.toSorted((left, right) =>
        left.idempotencyKey < right.idempotencyKey ? -1 : 1,
      )
      assert.deepEqual(inOrder, answers)
    },
  },
]
