// Settlements that are wrong in themselves: to decide them again would end the same.
import assert from 'node:assert/strict'
import { retryVerdictOf, type Settlement } from '@troupe/core'
import {
  assertNowhere,
  entry,
  everywhere,
  migrated,
  outgoingOf,
  record,
  settlement,
  stepWrite,
  unpublishedIn,
  write,
} from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

const answer = { command: 'placeOrder', idempotencyKey: 'key', inputHash: 'hash', answer: 1 }

const contradictions: Readonly<Record<string, Partial<Settlement>>> = {
  'an event': { inbox: [entry('1'), entry('1', { outcome: 'barred' })] },
  'an answer': { answers: [answer, { ...answer, answer: 2 }] },
  'a new document': { documents: [write('book', 0), write('book', 0, { other: true })] },
  'a new step': { steps: [stepWrite({}), stepWrite({ state: 'barred' })] },
  'a record': { outbox: [record('1'), record('1', { key: 'other' })] },
}

export const contradictionCases: readonly LedgerCase[] = [
  ...Object.entries(contradictions).map(([what, part]) => ({
    title: `blames a settlement that writes ${what} twice, and writes nothing of it`,
    async holds(open: Parameters<LedgerCase['holds']>[0]) {
      const ledger = await migrated(open)
      const whole = everywhere('wrong')
      const wrong = Object.fromEntries(
        Object.entries(part).map(([table, rows]) => [table, [...whole[table as 'inbox'], ...(rows as [])]]),
      )
      await assert.rejects(ledger.settle({ ...whole, ...wrong }), isBlamed)
      await assertNowhere(ledger, 'wrong')
    },
  })),
  {
    title: 'blames a settlement for a record whose id the outbox has, and keeps the one that is there',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(settlement({ outbox: [record('1', { key: 'first' })] }))
      const wrong = { ...everywhere('wrong'), outbox: [record('1', { key: 'second' })] }
      await assert.rejects(ledger.settle(wrong), isBlamed)
      await assertNowhere(ledger, 'wrong')
      assert.deepEqual(
        (await outgoingOf(ledger, ['1'])).map(({ key }) => key),
        ['first'],
      )
    },
  },
  {
    title: 'takes a record under the id of one that the same settlement forgets',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(settlement({ outbox: [record('1', { key: 'first' })] }))
      await ledger.settle(settlement({ outbox: [record('1', { key: 'second' })], published: ['1'] }))
      assert.deepEqual(
        (await unpublishedIn(ledger, 'order.events/0')).map(({ key }) => key),
        ['second'],
      )
    },
  },
]

function isBlamed(error: unknown): true {
  assert.equal(retryVerdictOf(error), 'blame', String(error))
  return true
}
