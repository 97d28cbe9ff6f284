import assert from 'node:assert/strict'
import { isTroupeError, type Ledger, type Settlement, type StepState } from '@troupe/core'
import {
  assertNowhere,
  entry,
  everywhere,
  migrated,
  moveOf,
  plain,
  record,
  refusal,
  request,
  settlement,
  stepWrite,
  twoInstances,
  unpublishedIn,
  write,
} from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

const partition = { topic: 'order.events', partition: 0 }

/** Ways to be refused after `everywhere('stored')` was settled, and what the refusal must name. */
const conflicts: Readonly<Record<string, { readonly part: Partial<Settlement>; readonly names: RegExp }>> = {
  'an event that is in the inbox': {
    part: { inbox: [entry('fresh'), entry('event-stored')] },
    names: /event-stored/,
  },
  'an idempotency key that is answered': {
    part: {
      answers: [{ command: 'placeOrder', idempotencyKey: 'key-stored', inputHash: 'other', answer: 1 }],
    },
    names: /key-stored/,
  },
  'a document that is new here but stored there': {
    part: { documents: [write('document-stored', 0)] },
    names: /stock\/document-stored/,
  },
  'a document that has moved on': {
    part: { documents: [write('fresh', 0), write('document-stored', 2)] },
    names: /stock\/document-stored/,
  },
  'a document that is stored here but not there': {
    part: { documents: [write('fresh', 1)] },
    names: /stock\/fresh/,
  },
  'a document that was read and has moved on': {
    part: { documentsRead: [{ kind: 'stock', key: 'document-stored', expectedVersion: 2 }] },
    names: /stock\/document-stored/,
  },
  'a document that was read as new and is stored': {
    part: { documentsRead: [{ kind: 'stock', key: 'document-stored', expectedVersion: 0 }] },
    names: /stock\/document-stored/,
  },
  'a document that was read as stored and is not': {
    part: { documentsRead: [{ kind: 'stock', key: 'fresh', expectedVersion: 1 }] },
    names: /stock\/fresh/,
  },
  'a step that is open here but stored there': {
    part: { steps: [stepWrite({ saga: 'saga-stored', state: 'barred' })] },
    names: /saga-stored/,
  },
  'a step in another state': {
    part: { steps: [stepWrite({ saga: 'saga-stored', expectedState: 'barred' })] },
    names: /saga-stored/,
  },
  'a step that is stored here but not there': {
    part: { steps: [stepWrite({ saga: 'fresh', expectedState: 'done' })] },
    names: /fresh/,
  },
}

export const settleCases: readonly LedgerCase[] = [
  {
    title: 'writes nothing of a settlement whose fence fails',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(settlement({ outbox: [record('waiting')] }))
      const zombie = await ledger.claim(partition)
      await ledger.claim(partition)
      await refusal(
        ledger.settle({ ...everywhere('zombie'), position: moveOf(zombie, 9n), published: ['waiting'] }),
        'TROUPE_FENCED',
      )
      await assertNowhere(ledger, 'zombie')
      assert.equal((await unpublishedIn(ledger, 'order.events/0')).length, 1)
    },
  },
  ...Object.entries(conflicts).map(([what, { part, names }]) => ({
    title: `refuses ${what}, says so, and writes nothing`,
    async holds(open: () => Ledger) {
      const ledger = await migrated(open)
      await ledger.settle(everywhere('stored'))
      const claim = await ledger.claim(partition)
      const whole = everywhere('refused')
      const refused = {
        ...whole,
        inbox: [...whole.inbox, ...(part.inbox ?? [])],
        documents: [...whole.documents, ...(part.documents ?? [])],
        documentsRead: part.documentsRead ?? [],
        steps: [...whole.steps, ...(part.steps ?? [])],
        answers: [...whole.answers, ...(part.answers ?? [])],
        position: moveOf(claim, 1n),
        published: ['record-stored'],
      }
      const { message } = await refusal(ledger.settle(refused), 'TROUPE_CONFLICT')
      assert.match(message, names)
      await assertNowhere(ledger, 'refused')
      assert.equal((await unpublishedIn(ledger, 'stored')).length, 1)
      assert.deepEqual(await ledger.positionOf(partition), claim)
      await ledger.settle({ ...whole, position: moveOf(claim, 1n) })
    },
  })),
  {
    title: 'takes one id from two sources for two events',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(
        settlement({ inbox: [entry('1', { source: 'order' }), entry('1', { source: 'payment' })] }),
      )
      const { seen } = await ledger.recall(
        request({ events: [entry('1', { source: 'shipping' }), entry('1', { source: 'payment' })] }),
      )
      assert.deepEqual(seen, [{ source: 'payment', id: '1' }])
    },
  },
  {
    title: 'takes an empty settlement, and one that only forgets what is published',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(settlement({}))
      await ledger.settle(settlement({ outbox: [record('1'), record('2')] }))
      await ledger.settle(settlement({ published: ['1', 'never heard of'] }))
      assert.deepEqual(
        (await unpublishedIn(ledger, 'order.events/0')).map(({ id }) => id),
        ['2'],
      )
    },
  },
  {
    title: 'moves a step from state to state, keeping what it is given',
    async holds(open) {
      const ledger = await migrated(open)
      const touched = [
        { kind: 'stock', key: 'book' },
        { kind: 'stock', key: 'a "quoted", \\{key}' },
      ]
      const states: [StepState | undefined, StepState][] = [
        [undefined, 'done'],
        ['done', 'undone'],
      ]
      for (const [expectedState, state] of states) {
        const done = state === 'done' ? Uint8Array.of(0, 255, 1) : null
        await ledger.settle(settlement({ steps: [stepWrite({ state, expectedState, done, touched })] }))
        const { steps } = await ledger.recall(
          request({ steps: [{ saga: 'saga-1', step: 'reserveStock', withDocuments: false }] }),
        )
        assert.deepEqual(
          plain(steps),
          plain([{ saga: 'saga-1', step: 'reserveStock', state, done, touched }]),
        )
      }
    },
  },
  {
    title: 'settles a thousand of everything at once',
    async holds(open) {
      const ledger = await migrated(open)
      const all = Array.from({ length: 1_000 }, (_, index) => everywhere(String(index)))
      await ledger.settle({
        position: undefined,
        inbox: all.flatMap(({ inbox }) => inbox),
        documents: all.flatMap(({ documents }) => documents),
        documentsRead: [],
        steps: all.flatMap(({ steps }) => steps),
        answers: all.flatMap(({ answers }) => answers),
        outbox: all.flatMap(({ outbox }) => outbox),
        deadlines: all.flatMap(({ deadlines }) => deadlines),
        published: [],
      })
      assert.equal((await ledger.document({ kind: 'stock', key: 'document-999' }))?.version, 1)
      const { documents } = await ledger.recall(
        request({ documents: all.flatMap(({ documents: [one] }) => (one ? [one] : [])) }),
      )
      assert.equal(documents.length, 1_000)
      assert.equal((await ledger.pendingDeadlines()).count, 1_000)
    },
  },
  {
    title: 'lets two instances write the same documents, in any order, without losing a write',
    async holds(open) {
      const ledger = await twoInstances(open)
      const keys = ['a', 'b', 'c', 'd', 'e', 'f']
      const writers = Array.from({ length: 12 }, (_, index) =>
        countUp(ledger(index), index % 3 === 0 ? keys : keys.toReversed(), 5),
      )
      await Promise.all(writers)
      const { documents } = await ledger(0).recall(
        request({ documents: keys.map((key) => ({ kind: 'stock', key })) }),
      )
      assert.deepEqual(
        documents.map(({ version, state }) => ({ version, state })),
        keys.map(() => ({ version: 60, state: { count: 60 } })),
      )
    },
  },
  {
    title: 'leaves a document that was only read as it was, also one that is not there',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.settle(everywhere('stored'))
      const claim = await ledger.claim(partition)
      const read = [
        { kind: 'stock', key: 'document-stored', expectedVersion: 1 },
        { kind: 'stock', key: 'absent', expectedVersion: 0 },
      ]
      await ledger.settle(settlement({ documentsRead: read, documents: [write('written', 0)] }))
      await ledger.settle(settlement({ documentsRead: read, position: moveOf(claim, 1n) }))
      const { documents } = await ledger.recall(
        request({ documents: read.map(({ kind, key }) => ({ kind, key })) }),
      )
      assert.deepEqual(
        documents.map(({ key, version, state }) => ({ key, version, state })),
        [{ key: 'document-stored', version: 1, state: { tag: 'stored' } }],
      )
      assert.equal(await ledger.document({ kind: 'stock', key: 'absent' }), undefined)
      const page = await ledger.documents('stock', { limit: 10 })
      assert.deepEqual(
        page.map(({ key }) => key),
        ['document-stored', 'written'],
      )
      await ledger.settle(settlement({ documents: [write('absent', 0, { there: true })] }))
      assert.deepEqual((await ledger.document({ kind: 'stock', key: 'absent' }))?.version, 1)
    },
  },
  ...[0, 1].map((times) => ({
    title: `lets at most one of two instances write what the other has read, ${times === 0 ? 'if nothing was stored' : 'if both were stored'}`,
    async holds(open: () => Ledger) {
      const ledger = await twoInstances(open)
      for (let round = 0; round < 40; round += 1) {
        const [left, right] = [`left-${round}`, `right-${round}`]
        for (let time = 0; time < times; time += 1)
          await ledger(0).settle(settlement({ documents: [write(left, time), write(right, time)] }))
        const onCall = (turn: number, mine: string, theirs: string) =>
          ledger(turn)
            .settle(
              settlement({
                documents: [write(mine, times)],
                documentsRead: [{ kind: 'stock', key: theirs, expectedVersion: times }],
              }),
            )
            .then(
              () => 'written',
              (error: unknown) => (isTroupeError(error, 'TROUPE_CONFLICT') ? error.details : error),
            )
        const ends = await Promise.all([onCall(0, left, right), onCall(1, right, left)])
        assert.equal(ends.filter((end) => end === 'written').length, 1)
        // Waiting for each other would end as well, once PostgreSQL has looked for deadlocks: after a second.
        assert.ok(ends.every((end) => !JSON.stringify(end).includes('40P01')))
      }
    },
  })),
  {
    title: 'finishes what is under way before it is closed, and takes nothing afterwards',
    async holds(open) {
      const ledger = await migrated(open)
      const settling = Array.from({ length: 30 }, (_, index) => ledger.settle(everywhere(String(index))))
      await ledger.close()
      await Promise.all(settling)
      await ledger.close()
      await refusal(ledger.ping(), 'TROUPE_STOPPED')
      await refusal(ledger.settle(everywhere('late')), 'TROUPE_STOPPED')
      await assertNowhere(open(), 'late')
    },
  },
]

/** Adds one to each document, `times` times, deciding again at every conflict. */
async function countUp(ledger: Ledger, keys: readonly string[], times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    const { documents } = await ledger.recall(
      request({ documents: keys.map((key) => ({ kind: 'stock', key })) }),
    )
    const stored = new Map(documents.map((one) => [one.key, one]))
    const writes = keys.map((key) => {
      const { version = 0, state } = stored.get(key) ?? {}
      return write(key, version, { count: ((state as { count: number } | undefined)?.count ?? 0) + 1 })
    })
    const settling = ledger.settle(settlement({ documents: writes }))
    const isSettled = await settling.then(
      () => true,
      () => false,
    )
    if (isSettled) done += 1
    else await refusal(settling, 'TROUPE_CONFLICT')
  }
}
