import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { dueKeys } from './aside/due-keys.ts'
import { followKeys } from './aside/follow-keys.ts'
import { freeKeys } from './aside/free-keys.ts'
import { listParkedRecords } from './aside/list-parked-records.ts'
import { parkedWork } from './aside/parked-work.ts'
import { entry, record, request, stepWrite, write } from './contract/case-building.ts'
import { settingsOf } from './settings.ts'
import { claimPosition } from './statements/claim-position.ts'
import { deleteOutbox } from './statements/delete-outbox.ts'
import { deletePerformed } from './statements/delete-performed.ts'
import { fireDeadlines, nextDeadline } from './statements/fire-deadlines.ts'
import { forgetOld } from './statements/forget-old.ts'
import { holdDocuments } from './statements/hold-documents.ts'
import { insertAnswers } from './statements/insert-answers.ts'
import { insertDocuments } from './statements/insert-documents.ts'
import { insertInbox } from './statements/insert-inbox.ts'
import { insertOutbox } from './statements/insert-outbox.ts'
import { insertSteps } from './statements/insert-steps.ts'
import { keepPerformed } from './statements/keep-performed.ts'
import { liftDeadlines } from './statements/lift-deadlines.ts'
import { listDocuments } from './statements/list-documents.ts'
import { listOutgoing } from './statements/list-outgoing.ts'
import { listPerformed } from './statements/list-performed.ts'
import { listUnpublishedByAge, listUnpublishedInLane } from './statements/list-unpublished.ts'
import { movePosition } from './statements/move-position.ts'
import { readDocument } from './statements/read-document.ts'
import { readPosition } from './statements/read-position.ts'
import { recall } from './statements/recall.ts'
import { setDeadlines } from './statements/set-deadlines.ts'
import { updateDocuments } from './statements/update-documents.ts'
import { updateSteps } from './statements/update-steps.ts'
import { silentLog, startStores, type Store, type Stores } from './stores.test.kit.ts'
import { connectionSettings } from './wire/connections.ts'
import { type Call, callOf, type Statement } from './wire/statement.ts'

// A statement that looks at every row works as well as any other until somebody has a million of them.
const rows = 20_000
/** Names that are stored; as many again are not. */
const given = 100
/** A look-up reads its row, and perhaps what is left of an earlier form of it. */
const readPerLookUp = 2

let stores: Stores
let store: Store
let client: Client
beforeAll(async () => {
  stores = await startStores()
  store = stores.make()
  const ledger = store.open()
  await ledger.migrate()
  await ledger.claim({ topic: 'order.events', partition: 0 })
  await ledger.close()
  for (const table of [
    `inbox (source, id, type, saga, outcome) SELECT 'order', 'old-' || n, 'OrderReceived', 'old-' || n, 'applied'`,
    `document (kind, key, version, state) SELECT 'stock', 'old-' || n, 1, '{}'`,
    `step (saga, step, state, done, touched) SELECT 'old-' || n, 'reserveStock', 'done', 'x', json_build_array(json_build_array('stock', 'old-' || n))`,
    `answer (command, idempotency_key, input_hash) SELECT 'placeOrder', 'old-' || n, 'hash'`,
    `outbox (id, lane, topic, key, key_is_text, headers) SELECT 'old-' || n, 'order.events/' || n % 100, 'stock.events', ('old-' || n)::bytea, true, '{}'`,
    `performed (idempotency_key, result) SELECT 'old-' || n, '{}'`,
    `parked_event (topic, partition, record_offset, key, headers, timestamp_ms, bytes) SELECT 'order.events', 0, n, 'old-' || n, '{}', 0, 1`,
    // The first hundred are due.
    `parked_key (topic, partition, key, state, version, events, bytes, attempts, next_at) SELECT 'order.events', 0, 'old-' || n, 'waiting', 1, 1, 1, 1, now() + make_interval(secs => (n - ${given}) * 60)`,
    `deadline (saga, name, due_at, id, lane, topic, key_is_text, headers) SELECT 'old-' || n, 'Overdue', now() + make_interval(secs => (n - ${given}) * 60), 'd-' || n, 'commands', 'stock.events', false, '{}'`,
  ])
    await stores.query(`INSERT INTO ${store.schema}.${table} FROM generate_series(1, ${rows}) AS n`)
  await stores.query(`ANALYZE`)
  client = new Client(
    connectionSettings(settingsOf({ url: store.url, schema: store.schema, log: silentLog })),
  )
  await client.connect()
})
afterAll(async () => {
  await client?.end()
  await stores.stop()
})

const old = Array.from({ length: given }, (_, n) => `old-${1 + n * 7}`)
const fresh = old.map((name) => `new-${name}`)
const partition = { topic: 'order.events', partition: 0 }

const places = (keys: readonly string[]) => keys.map((key) => ({ ...partition, key }))

const bounded: Readonly<Record<string, () => Call>> = {
  recall: () =>
    of(
      recall,
      request({
        events: [...old, ...fresh].map((id) => entry(id)),
        documents: [...old, ...fresh].map((key) => write(key, 1)),
        steps: old.map((saga, n) => ({ saga, step: 'reserveStock', withDocuments: n % 2 === 0 })),
        answers: old.map((idempotencyKey) => ({ command: 'placeOrder', idempotencyKey })),
        keys: [...places(old), ...places(fresh)],
      }),
    ),
  'claim-position': () => of(claimPosition, { ...partition, found: { id: undefined } }),
  'read-position': () => of(readPosition, partition),
  'move-position': () => of(movePosition, { ...partition, epoch: 1, from: undefined, to: 1n }),
  'insert-inbox': () =>
    of(
      insertInbox,
      fresh.map((id) => entry(id)),
    ),
  'insert-answers': () =>
    of(
      insertAnswers,
      fresh.map((idempotencyKey) => ({
        command: 'placeOrder',
        idempotencyKey,
        inputHash: 'hash',
        answer: 1,
      })),
    ),
  'insert-steps': () =>
    of(
      insertSteps,
      fresh.map((saga) => stepWrite({ saga })),
    ),
  'update-steps': () =>
    of(
      updateSteps,
      old.map((saga) => stepWrite({ saga, state: 'undone', expectedState: 'done' })),
    ),
  'insert-documents': () =>
    of(
      insertDocuments,
      fresh.map((key) => write(key, 0)),
    ),
  'hold-documents': () =>
    of(
      holdDocuments,
      old.map((key) => ({ kind: 'stock', key, expectedVersion: 1 })),
    ),
  'update-documents': () =>
    of(
      updateDocuments,
      old.map((key) => write(key, 1, { free: 1 })),
    ),
  'set-deadlines': () =>
    of(
      setDeadlines,
      [...old, ...fresh].map((saga) => ({
        saga,
        name: 'Overdue',
        set: { due: { afterMs: 1 }, record: record(`next-${saga}`) },
      })),
    ),
  'lift-deadlines': () =>
    of(
      liftDeadlines,
      [...old, ...fresh].map((saga) => ({ saga, name: 'Overdue' })),
    ),
  'fire-deadlines': () => of(fireDeadlines, undefined),
  'keep-performed': () =>
    of(
      keepPerformed,
      [...old, ...fresh].map((idempotencyKey) => ({ idempotencyKey, result: {} })),
    ),
  'list-performed': () => of(listPerformed, old),
  'delete-performed': () => of(deletePerformed, old),
  'follow-keys': () =>
    of(
      followKeys,
      places(old).map((place) => ({ ...place, form: 'follow', records: [] })),
    ),
  'due-keys': () => of(dueKeys, { partitions: [partition], perPartitionMax: given }),
  'parked-work': () =>
    of(parkedWork.statement, { keys: places(old), recordsPerKeyMax: 10, bytesMax: 1_000_000 }),
  'free-keys': () => of(freeKeys, places(old)),
  'list-parked-records': () =>
    of(listParkedRecords, { key: { ...partition, key: 'old-7' }, page: { after: 0n, limit: given } }),
  'delete-outbox': () => of(deleteOutbox, old),
  'insert-outbox': () =>
    of(
      insertOutbox,
      [...old, ...fresh].map((key) => record(`next-${key}`, { key })),
    ),
  'list-outgoing': () => of(listOutgoing, { ids: old, after: 0n }),
  'list-unpublished-in-lane': () => of(listUnpublishedInLane, { lane: 'order.events/7', after: 0n }),
  'read-document': () => of(readDocument, { kind: 'stock', key: 'old-7' }),
  'list-documents': () => of(listDocuments, { kind: 'stock', limit: given }),
}

/** Those that are held to something else, or to nothing because their table is small or they stop by themselves. */
const others: readonly string[] = [
  'count-deadlines',
  'keep-schemas',
  'list-schemas',
  'list-unpublished-by-age',
  'next-deadline',
  'ping',
]

describe(`each statement on tables of ${rows} rows`, () => {
  it.each(Object.keys(bounded))('%s finds what it is given by an index, and reads no more', async (name) => {
    const scans = scansIn(await planOf(bounded[name]?.() as Call))
    expect(scans.filter((scan) => !(scan['Index Cond'] ?? scan['TID Cond']))).toEqual([])
    for (const scan of scans) expect(readBy(scan)).toBeLessThanOrEqual(readPerLookUp * 2 * given)
  })

  it('none of the ledger itself is left out', () => {
    const folder = join(import.meta.dirname, 'statements')
    const names = readdirSync(folder).flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/^ +name: '([a-z-]+)'/gm)].map(
        ([, name]) => name,
      ),
    )
    expect([...Object.keys(bounded), ...others]).toEqual(expect.arrayContaining(names))
  })

  it('looking for the next deadline reads one entry of an index', async () => {
    const [scan, ...others] = scansIn(await planOf(of(nextDeadline, undefined)))
    expect(others).toEqual([])
    expect(scan).toMatchObject({ 'Node Type': 'Index Only Scan', 'Index Name': 'deadline_due' })
    expect(scan && readBy(scan)).toBe(1)
  })

  it('forgetting reads a portion of the table, without any index', async () => {
    const [scan, ...others] = scansIn(await planOf(of(forgetOld('inbox'), { olderThanMs: 1, from: 0n })))
    expect(others).toEqual([])
    expect(scan?.['Node Type']).toBe('Tid Range Scan')
  })

  it('only looking for what is unpublished for long reads a whole table, the outbox', async () => {
    const scans = scansIn(await planOf(of(listUnpublishedByAge, { olderThanMs: 1_000, after: 0n })))
    expect(scans.map((scan) => scan['Relation Name'])).toEqual(['outbox'])
  })
})

function of<Input, Row>(statement: Statement<Input, Row>, input: Input): Call {
  return callOf(statement, store.schema, input) as Call
}

/** What `EXPLAIN` says of a node. */
interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Cond'?: string
  readonly 'TID Cond'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Plan[]
}

/** Runs it as the ledger does, prepared and on such a connection, and leaves nothing behind. */
async function planOf({ text, parameters }: Call): Promise<Plan> {
  await client.query('BEGIN')
  try {
    await client.query(`PREPARE explained AS ${text}`)
    const { rows: found } = await client.query<{ 'QUERY PLAN': readonly { readonly Plan: Plan }[] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE explained${await literalsOf({ text, parameters })}`,
    )
    const plan = found[0]?.['QUERY PLAN'][0]?.Plan
    if (!plan) throw new Error('There is no plan.')
    return plan
  } finally {
    await client.query('ROLLBACK')
    await client.query('DEALLOCATE ALL')
  }
}

/** EXPLAIN takes no parameters: they go into its text, by the types that the statement gives them. */
async function literalsOf({ text, parameters }: Pick<Call, 'text' | 'parameters'>): Promise<string> {
  if (parameters.length === 0) return ''
  const types = parameters.map((_, n) => new RegExp(`\\$${n + 1}::(\\w+(\\[\\])?)`).exec(text)?.[1])
  const { rows: found } = await client.query<Record<string, string>>(
    `SELECT ${types.map((type, n) => `quote_nullable($${n + 1}::${type}::text) AS "${n}"`).join(', ')}`,
    [...parameters],
  )
  return `(${types.map((_, n) => found[0]?.[n]).join(', ')})`
}

/** Every node that reads one of the ledger's tables. */
function scansIn(plan: Plan): readonly Plan[] {
  const isScan = plan['Node Type'].endsWith('Scan') && plan['Relation Name'] !== undefined
  return [...(isScan ? [plan] : []), ...(plan.Plans ?? []).flatMap(scansIn)]
}

function readBy(scan: Plan): number {
  return (scan['Actual Rows'] + (scan['Rows Removed by Filter'] ?? 0)) * scan['Actual Loops']
}
