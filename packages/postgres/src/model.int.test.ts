import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { isTroupeError, type Ledger, type Settlement, type StepState } from '@troupe/core'
import { memoryLedger } from '@troupe/core/memory-ledger'
import * as fc from 'fast-check'
import { plain, record, unpublishedIn } from './contract/case-building.ts'
import { startStores, type Stores } from './stores.test.kit.ts'

let stores: Stores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

const few = (prefix: string) => fc.nat({ max: 5 }).map((index) => `${prefix}${index}`)
const bytes = fc.uint8Array({ maxLength: 20 })
const text = fc.string({ unit: 'binary', maxLength: 12 })
const headerValue = fc.oneof(text, bytes)
const partitions = [
  { topic: 'topic0', partition: 0 },
  { topic: 'topic0', partition: 1 },
  { topic: 'topic1', partition: 0 },
]
const partition = fc.constantFrom(...partitions)
const stepState = fc.constantFrom<StepState>('done', 'undone', 'barred')
const documentName = fc.record({ kind: few('kind'), key: fc.oneof(few('key'), fc.constant('é"\\,{}')) })

/** What is expected of the present state is filled in later: mostly right, sometimes not. */
const drafts = fc.record({
  position: fc.option(fc.record({ at: partition, by: fc.bigInt(1n, 10n), isStale: fc.nat({ max: 9 }) }), {
    nil: undefined,
    freq: 2,
  }),
  inbox: fc.uniqueArray(
    fc.record({
      source: few('service'),
      id: text.map((id) => id.replaceAll('\0', '') + 'x'),
      type: few('Type'),
      saga: few('saga'),
      outcome: fc.constantFrom('applied' as const, 'barred' as const),
    }),
    { maxLength: 4, selector: ({ source, id }) => `${source}/${id}` },
  ),
  documents: fc.uniqueArray(
    fc.record({
      name: documentName,
      state: fc.dictionary(text, fc.jsonValue()),
      isStale: fc.nat({ max: 12 }),
    }),
    { maxLength: 4, selector: ({ name: { kind, key } }) => `${kind}/${key}` },
  ),
  documentsRead: fc.uniqueArray(fc.record({ name: documentName, isStale: fc.nat({ max: 12 }) }), {
    maxLength: 3,
    selector: ({ name: { kind, key } }) => `${kind}/${key}`,
  }),
  steps: fc.uniqueArray(
    fc.record({
      saga: few('saga'),
      step: few('step'),
      state: stepState,
      done: fc.option(bytes),
      touched: fc.array(documentName, { maxLength: 3 }),
      isStale: fc.nat({ max: 12 }),
    }),
    { maxLength: 3, selector: ({ saga, step }) => `${saga}/${step}` },
  ),
  answers: fc.uniqueArray(
    fc.record({
      command: few('command'),
      idempotencyKey: fc.uuid(),
      inputHash: few('hash'),
      answer: fc.jsonValue(),
    }),
    { maxLength: 2, selector: ({ idempotencyKey }) => idempotencyKey },
  ),
  outbox: fc.array(
    fc.record({
      lane: few('lane'),
      topic: few('topic'),
      key: fc.oneof(fc.constant(null), fc.string({ unit: 'grapheme' }), bytes),
      headers: fc.dictionary(text, fc.oneof(headerValue, fc.array(headerValue, { maxLength: 3 }))),
      value: fc.option(bytes),
    }),
    { maxLength: 4 },
  ),
  deadlines: fc.uniqueArray(
    fc.record({ saga: few('saga'), name: few('name'), isLifted: fc.boolean(), isDue: fc.boolean() }),
    { maxLength: 3, selector: ({ saga, name }) => `${saga}/${name}` },
  ),
  published: fc.array(fc.nat({ max: 30 }), { maxLength: 3 }),
})
type Draft = typeof drafts extends fc.Arbitrary<infer Value> ? Value : never

const claimedTopic = fc.record({
  id: fc.constantFrom(undefined, 'first', 'second'),
  replaces: fc.constantFrom(undefined, 'first', 'second'),
})

const actions = fc.oneof(
  { weight: 1, arbitrary: fc.record({ claim: partition, topic: claimedTopic }) },
  { weight: 1, arbitrary: fc.record({ fire: fc.constant(true) }) },
  { weight: 5, arbitrary: fc.record({ settle: drafts }) },
)

describe('any series of claims and settlements', () => {
  it('ends the same, each and all together, as in the model', async () => {
    const tally = { settled: 0, TROUPE_FENCED: 0, TROUPE_CONFLICT: 0 }
    const property = fc.asyncProperty(
      fc.array(actions, { minLength: 5, maxLength: 40, size: 'max' }),
      async (series) => {
        const [model, ledger] = [
          memoryLedger({ nowMs: Date.now }).open(),
          stores.make().open({ connectionsMax: 1 }),
        ]
        try {
          await ledger.migrate()
          // One partition stays without an owner, unless the series claims it.
          for (const one of partitions.slice(1)) await Promise.all([model.claim(one), ledger.claim(one)])
          let records = 0
          let serial = 0
          for (const action of series) {
            if ('claim' in action) {
              const { claim, topic } = action
              expect(await ledger.claim(claim, topic)).toEqual(await model.claim(claim, topic))
              continue
            }
            if ('fire' in action) {
              expect(await firedBy(ledger)).toEqual(await firedBy(model))
              continue
            }
            const settlement = await filledIn(action.settle, model, { records, serial: serial++ })
            records += settlement.outbox.length
            const outcome = await outcomeOf(model, settlement)
            expect(await outcomeOf(ledger, settlement)).toEqual(outcome)
            tally[outcome.end] += 1
          }
          expect(await everythingIn(ledger, series)).toEqual(await everythingIn(model, series))
        } finally {
          await ledger.close()
        }
      },
    )
    await fc.assert(property, { numRuns: 30 })
    // Whether enough happens is asked of always the same ones: by chance it may be little.
    Object.assign(tally, { settled: 0, TROUPE_FENCED: 0, TROUPE_CONFLICT: 0 })
    await fc.assert(property, { numRuns: 10, seed: 17 })
    expect(Math.min(...Object.values(tally))).toBeGreaterThan(15)
  })
})

/** A settlement that fits what is stored, except where the draft wants to be stale. */
async function filledIn(
  draft: Draft,
  model: Ledger,
  { records, serial }: { readonly records: number; readonly serial: number },
): Promise<Settlement> {
  const stored = await model.recall({
    events: [],
    documents: [...draft.documents, ...draft.documentsRead].map(({ name }) => name),
    steps: draft.steps.map(({ saga, step }) => ({ saga, step, withDocuments: false })),
    answers: [],
  })
  const versionOf = ({ kind, key }: { kind: string; key: string }) =>
    stored.documents.find((one) => one.kind === kind && one.key === key)?.version ?? 0
  const held = draft.position && (await model.positionOf(draft.position.at))
  return {
    position: draft.position && {
      ...draft.position.at,
      epoch: (held?.epoch ?? 1) - (draft.position.isStale === 0 ? 1 : 0),
      from: draft.position.isStale === 1 ? 0n : held?.next,
      to: (held?.next ?? 0n) + draft.position.by,
    },
    inbox: draft.inbox,
    documents: draft.documents.map(({ name, state, isStale }) => {
      const version = versionOf(name)
      return { ...name, state, expectedVersion: isStale === 0 ? version + 1 : isStale === 1 ? 0 : version }
    }),
    documentsRead: draft.documentsRead
      .filter(({ name: { kind, key } }) =>
        draft.documents.every(({ name }) => name.kind !== kind || name.key !== key),
      )
      .map(({ name, isStale }) => ({
        ...name,
        expectedVersion: versionOf(name) + (isStale === 0 ? 1 : 0),
      })),
    steps: draft.steps.map(({ isStale, ...write }) => {
      const state = stored.steps.find((one) => one.saga === write.saga && one.step === write.step)?.state
      return { ...write, expectedState: isStale === 0 ? 'barred' : isStale === 1 ? undefined : state }
    }),
    answers: draft.answers,
    outbox: draft.outbox.map((one, index) => ({ ...one, id: `record-${records + index}` })),
    deadlines: draft.deadlines.map(({ saga, name, isLifted, isDue }, index) => ({
      saga,
      name,
      set: isLifted
        ? undefined
        : {
            // No two at one time: which of them comes first would be anybody's guess.
            due: isDue ? { atMs: serial * 10 + index } : { afterMs: 3_600_000 },
            record: record(`deadline-${serial}-${index}`, { lane: 'lane0', key: name }),
          },
    })),
    published: draft.published.map((index) => `record-${index}`),
  }
}

async function firedBy(ledger: Ledger) {
  const { records, nextMs } = await ledger.fire()
  return {
    fired: records.map(({ id }) => id),
    hasMore: nextMs !== undefined,
    pending: (await ledger.pendingDeadlines()).count,
  }
}

async function outcomeOf(ledger: Ledger, settlement: Settlement) {
  try {
    const { predecessors } = await ledger.settle(settlement)
    return { end: 'settled' as const, predecessors: predecessors.toSorted() }
  } catch (error) {
    if (isTroupeError(error, 'TROUPE_FENCED')) return { end: 'TROUPE_FENCED' as const }
    if (isTroupeError(error, 'TROUPE_CONFLICT')) return { end: 'TROUPE_CONFLICT' as const }
    throw error
  }
}

/** All that the series may have touched, in an order that does not depend on the ledger. */
async function everythingIn(
  ledger: Ledger,
  series: readonly ({ claim: unknown } | { fire: unknown } | { settle: Draft })[],
) {
  const settled = series.flatMap((action) => ('settle' in action ? [action.settle] : []))
  const recalled = await ledger.recall({
    events: settled.flatMap(({ inbox }) => inbox),
    documents: settled.flatMap(({ documents }) => documents.map(({ name }) => name)),
    steps: settled.flatMap(({ steps }) =>
      steps.map((step, index) => ({ ...step, withDocuments: index % 2 === 0 })),
    ),
    answers: settled.flatMap(({ answers }) => answers),
  })
  const lanes = Array.from({ length: 6 }, (_, index) => `lane${index}`)
  return {
    recalled: Object.values(recalled).map((part: readonly object[]) =>
      [...new Set(part.map((one) => JSON.stringify(plain(one), Object.keys(one).toSorted())))].toSorted(),
    ),
    outbox: await Promise.all(lanes.map(async (lane) => plain(await unpublishedIn(ledger, lane)))),
    positions: await Promise.all(partitions.map((one) => ledger.positionOf(one))),
    pages: await Promise.all(
      Array.from({ length: 6 }, (_, index) => ledger.documents(`kind${index}`, { limit: 1_000 })),
    ),
  }
}
