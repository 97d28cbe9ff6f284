import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import type { OperatorActionFilter } from '@troupe/core'
import { dueKeys, dueKeysCalling, nextDueKey } from './aside/due-keys.ts'
import { followKeys } from './aside/follow-keys.ts'
import { freeKeys } from './aside/free-keys.ts'
import { insertDeadLetters } from './aside/insert-dead-letters.ts'
import { insertParkedEvents } from './aside/insert-parked-events.ts'
import { listOpenDeadLetters } from './aside/list-dead-letters.ts'
import { listOperatorActionsBy } from './aside/list-operator-actions.ts'
import { listParkedRecords } from './aside/list-parked-records.ts'
import { parkedWork } from './aside/parked-work.ts'
import { parkKeys } from './aside/park-keys.ts'
import { putOffKeys } from './aside/put-off-keys.ts'
import { redrive } from './aside/redrive.ts'
import { retryKeys } from './aside/retry-keys.ts'
import { retryParked } from './aside/retry-parked.ts'
import { action, aside, failure, letter, place } from './contract/aside-building.ts'
import { entry, record, request, stepWrite, write } from './contract/case-building.ts'
import { keepUndos } from './doubts/keep-undos.ts'
import { listDoubts } from './doubts/list-doubts.ts'
import { markCalled } from './doubts/mark-called.ts'
import { parkUndos } from './doubts/park-undos.ts'
import { settleDoubts } from './doubts/settle-doubts.ts'
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
import { acquit, suspect } from './statements/suspect.ts'
import { setDeadlines } from './statements/set-deadlines.ts'
import { updateDocuments } from './statements/update-documents.ts'
import { updateSteps } from './statements/update-steps.ts'
import { silentLog, startStores, type Store, type Stores } from './stores.test.kit.ts'
import { connectionSettings } from './wire/connections.ts'
import { type Call, callOf } from './wire/statement.ts'

// A statement that looks at every row works as well as any other until somebody has a million of them.
const rows = 20_000
/** Names that are stored; as many again are not. */
const given = 100
/** What people did. Every second row is a portion of a command, of two each; one in 2,000 was done by somebody else. */
const actions = 100_000
/** A look-up reads its row, and perhaps what is left of an earlier form of it. */
const readPerLookUp = 2

/** A ledger whose tables are full, and a connection like its own. */
interface Filled {
  readonly store: Store
  readonly client: Client
}

let stores: Stores
let known: Filled
let unknown: Filled
const clients: Client[] = []
beforeAll(async () => {
  stores = await startStores()
  known = await openStore()
  await fill(known.store)
  await stores.query(`ANALYZE`)
  // As a service meets it whose tables fill up faster than anybody looks at them: every connection has
  // prepared its statements while they were empty, and keeps the plans.
  unknown = await openStore()
  for (const table of tables) {
    await stores.query(`ALTER TABLE ${unknown.store.schema}.${table} SET (autovacuum_enabled = off)`)
  }
  for (const name of Object.keys(bounded)) await plan(unknown, name)
  await fill(unknown.store)
})
afterAll(async () => {
  for (const client of clients) await client.end()
  await stores.stop()
})

async function openStore(): Promise<Filled> {
  const store = stores.make()
  const ledger = store.open()
  await ledger.migrate()
  await ledger.claim({ topic: 'order.events', partition: 0 })
  await ledger.close()
  const client = new Client(
    connectionSettings(settingsOf({ url: store.url, schema: store.schema, log: silentLog })),
  )
  clients.push(client)
  await client.connect()
  return { store, client }
}

const tables = ['inbox', 'document', 'step', 'answer', 'outbox', 'performed', 'deadline'].concat(
  'operator_action',
  'parked_event',
  'parked_key',
  'dead_letter',
  'doubt',
)

async function fill({ schema }: Store): Promise<void> {
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
    `dead_letter (letter, topic, partition, record_offset, key, headers, timestamp_ms, source, id, bytes, code, message, failure_group, attempts, first_failed_at) SELECT 'old-' || n, 'order.events', 1, n, 'old-' || n, '{}', 0, 'order', 'old-' || n, 1, 'CODE', 'message', 'group', 1, now()`,
    // Due for a day, and waiting for calls.
    `parked_key (topic, partition, key, state, version, events, bytes, attempts, next_at, code, reaction) SELECT 'order.events', 0, 'paused-' || n, 'waiting', 1, 1, 1, 0, now() - interval '1 day', 'TROUPE_CALLS_PAUSED', 'charge'`,
    `doubt (saga, step, called_source, called_id, topic, partition, key, record_offset, headers, timestamp_ms, source, id, type, bytes) SELECT 'old-' || n, 'reserveStock', 'order', 'asked', 'order.events', 2, 'barred-' || n, n, '{}', 0, 'order', 'old-' || n, 'ShippingFailed', 1`,
    `deadline (saga, name, due_at, id, lane, topic, key_is_text, headers) SELECT 'old-' || n, 'Overdue', now() + make_interval(secs => (n - ${given}) * 60), 'd-' || n, 'commands', 'stock.events', false, '{}'`,
  ])
    await stores.query(`INSERT INTO ${schema}.${table} FROM generate_series(1, ${rows}) AS n`)
  await stores.query(`
    INSERT INTO ${schema}.operator_action (by, reason, command, did, count, names)
    SELECT CASE WHEN n % 2000 = 1 THEN 'ada' ELSE 'bob' END, 'a test', CASE WHEN n % 4 < 2 THEN 'c-' || n / 4 END,
      CASE WHEN n % 2000 = 1 THEN 'redrive' ELSE 'discard parked' END, 1, json_build_array('old-' || n, 'also-' || n)
    FROM generate_series(1, ${actions}) AS n`)
}

const old = Array.from({ length: given }, (_, n) => `old-${1 + n * 7}`)
const fresh = old.map((name) => `new-${name}`)
const partition = { topic: 'order.events', partition: 0 }

/** A year ago: nobody had done anything. */
const yearAgoMs = Date.now() - 365 * 24 * 3_600_000
/** A page in the middle of what people did. */
const auditOf = (schema: string, filter: OperatorActionFilter) =>
  callOf(listOperatorActionsBy(filter), schema, {
    filter,
    page: { after: BigInt(actions / 2), limit: given / 4 },
  })

const oldNumber = (name: string) => Number(name.slice('old-'.length))
const steps = (sagas: readonly string[]) => sagas.map((saga) => ({ saga, step: 'reserveStock' }))
const places = (keys: readonly string[]) => keys.map((key) => ({ ...partition, key }))

const bounded: Readonly<Record<string, (schema: string) => Call>> = {
  recall: (schema) =>
    callOf(
      recall,
      schema,
      request({
        events: [...old, ...fresh].map((id) => entry(id)),
        documents: [...old, ...fresh].map((key) => write(key, 1)),
        steps: old.map((saga, n) => ({ saga, step: 'reserveStock', withDocuments: n % 2 === 0 })),
        answers: old.map((idempotencyKey) => ({ command: 'placeOrder', idempotencyKey })),
        keys: [...places(old), ...places(fresh)],
      }),
    ),
  'claim-position': (schema) => callOf(claimPosition, schema, { ...partition, found: { id: undefined } }),
  suspect: (schema) => callOf(suspect, schema, { ...partition, epoch: 1, logPlace: 1n }),
  acquit: (schema) => callOf(acquit, schema, { ...partition, epoch: 1, logPlace: undefined }),
  'read-position': (schema) => callOf(readPosition, schema, partition),
  'move-position': (schema) =>
    callOf(movePosition, schema, { ...partition, epoch: 1, from: undefined, to: 1n }),
  'insert-inbox': (schema) =>
    callOf(
      insertInbox,
      schema,
      fresh.map((id) => entry(id)),
    ),
  'insert-answers': (schema) =>
    callOf(
      insertAnswers,
      schema,
      fresh.map((idempotencyKey) => ({
        command: 'placeOrder',
        idempotencyKey,
        inputHash: 'hash',
        answer: 1,
      })),
    ),
  'insert-steps': (schema) =>
    callOf(
      insertSteps,
      schema,
      fresh.map((saga) => stepWrite({ saga })),
    ),
  'update-steps': (schema) =>
    callOf(
      updateSteps,
      schema,
      old.map((saga) => stepWrite({ saga, state: 'undone', expectedState: 'done' })),
    ),
  'insert-documents': (schema) =>
    callOf(
      insertDocuments,
      schema,
      fresh.map((key) => write(key, 0)),
    ),
  'hold-documents': (schema) =>
    callOf(
      holdDocuments,
      schema,
      old.map((key) => ({ kind: 'stock', key, expectedVersion: 1 })),
    ),
  'update-documents': (schema) =>
    callOf(
      updateDocuments,
      schema,
      old.map((key) => write(key, 1, { free: 1 })),
    ),
  'set-deadlines': (schema) =>
    callOf(
      setDeadlines,
      schema,
      [...old, ...fresh].map((saga) => ({
        saga,
        name: 'Overdue',
        set: { due: { afterMs: 1 }, record: record(`next-${saga}`) },
      })),
    ),
  'lift-deadlines': (schema) =>
    callOf(
      liftDeadlines,
      schema,
      [...old, ...fresh].map((saga) => ({ saga, name: 'Overdue' })),
    ),
  'fire-deadlines': (schema) => callOf(fireDeadlines, schema, undefined),
  'keep-performed': (schema) =>
    callOf(
      keepPerformed,
      schema,
      [...old, ...fresh].map((idempotencyKey) => ({ idempotencyKey, result: {} })),
    ),
  'list-performed': (schema) => callOf(listPerformed, schema, old),
  'delete-performed': (schema) => callOf(deletePerformed, schema, old),
  'follow-keys': (schema) =>
    callOf(
      followKeys,
      schema,
      places(old).map((place) => ({ ...place, form: 'follow', records: [] })),
    ),
  'due-keys': (schema) => callOf(dueKeys, schema, { partitions: [partition], perPartitionMax: given }),
  'due-keys-calling': (schema) =>
    callOf(dueKeysCalling, schema, { partitions: [partition], perPartitionMax: given, calling: ['refund'] }),
  'next-due-key': (schema) => callOf(nextDueKey, schema, [partition]),
  'parked-work': (schema) =>
    callOf(parkedWork.statement, schema, { keys: places(old), recordsPerKeyMax: 10, bytesMax: 1_000_000 }),
  'put-off-keys': (schema) =>
    callOf(putOffKeys, schema, { keys: places(old).map((key) => ({ ...key, version: 1 })), delayMs: 1_000 }),
  'retry-keys': (schema) =>
    callOf(
      retryKeys,
      schema,
      old.map((key) => ({
        ...partition,
        key,
        form: 'retry',
        version: 1,
        done: [BigInt(oldNumber(key))],
        next: { state: 'free' },
      })),
    ),
  'park-keys': (schema) =>
    callOf(
      parkKeys,
      schema,
      fresh.map((key) => ({
        ...place(key),
        form: 'park',
        next: { state: 'waiting', delayMs: 1, attempts: 1, failure: failure() },
        records: [],
      })),
    ),
  'insert-parked-events': (schema) =>
    callOf(
      insertParkedEvents,
      schema,
      fresh.map((key, n) => ({ ...aside(rows + n, key), place: place(key) })),
    ),
  'insert-dead-letters': (schema) =>
    callOf(
      insertDeadLetters,
      schema,
      fresh.map((key, n) => letter(rows + n, key)),
    ),
  redrive: (schema) => callOf(redrive, schema, { letters: old.map((id) => ({ id })), action }),
  'retry-parked': (schema) => callOf(retryParked, schema, { keys: places(old), action }),
  'free-keys': (schema) => callOf(freeKeys, schema, places(old)),
  'list-open-dead-letters': (schema) =>
    callOf(listOpenDeadLetters, schema, { filter: {}, page: { after: 0n, limit: given } }),
  'list-operator-actions': (schema) => auditOf(schema, {}),
  'list-operator-actions-by': (schema) => auditOf(schema, { by: 'ada' }),
  'list-operator-actions-did': (schema) => auditOf(schema, { did: 'redrive' }),
  'list-operator-actions-fromMs-untilMs': (schema) =>
    auditOf(schema, { fromMs: yearAgoMs, untilMs: yearAgoMs + 1 }),
  'list-parked-records': (schema) =>
    callOf(listParkedRecords, schema, {
      key: { ...partition, key: 'old-7' },
      page: { after: 0n, limit: given },
    }),
  'list-doubts': (schema) => callOf(listDoubts, schema, steps([...old, ...fresh])),
  'mark-called': (schema) =>
    callOf(
      markCalled,
      schema,
      steps([...old, ...fresh]).map((one) => ({ ...one, event: { source: 'order', id: 'again' } })),
    ),
  'keep-undos': (schema) =>
    callOf(
      keepUndos,
      schema,
      steps(fresh).map((one, n) => ({ ...one, ...aside(n), place: place(one.saga), isInDoubt: false })),
    ),
  'park-undos': (schema) => callOf(parkUndos, schema, steps(old)),
  'settle-doubts': (schema) => callOf(settleDoubts, schema, steps(old)),
  'delete-outbox': (schema) => callOf(deleteOutbox, schema, old),
  'insert-outbox': (schema) =>
    callOf(
      insertOutbox,
      schema,
      [...old, ...fresh].map((key) => record(`next-${key}`, { key })),
    ),
  'list-outgoing': (schema) => callOf(listOutgoing, schema, { ids: old, after: 0n }),
  'list-unpublished-in-lane': (schema) =>
    callOf(listUnpublishedInLane, schema, { lane: 'order.events/7', after: 0n }),
  'read-document': (schema) => callOf(readDocument, schema, { kind: 'stock', key: 'old-7' }),
  'list-documents': (schema) => callOf(listDocuments, schema, { kind: 'stock', limit: given }),
}

/** Those that are held to something else, or to nothing because their table is small or they stop by themselves. */
const others: readonly string[] = [
  // Looks through all keys that are held: they have an index of their own.
  'discard-dead-letters',
  // Holds what a person gives up, five hundred at a time, against itself.
  'discard-parked',
  'list-dead-letters',
  'list-dead-letter-groups',
  'list-parked-keys',
  'parked-totals',
  // Reads all that is parked, once in ten seconds.
  'parked-sum',
  'read-dead-letter',
  'count-deadlines',
  'keep-schemas',
  'list-schemas',
  'list-unpublished-by-age',
  'next-deadline',
  'ping',
]

describe(`each statement on tables of ${rows} rows`, () => {
  it.each(Object.keys(bounded))('%s finds what it is given by an index, and reads no more', async (name) => {
    expectBounded(await planOf(known, name))
  })

  it.each(Object.keys(bounded))('%s does so too where it was planned while they were empty', async (name) => {
    expectBounded(await planOf(unknown, name))
  })

  it('none of the ledger itself is left out', () => {
    const names = ['statements', 'aside', 'doubts'].flatMap((folder) =>
      readdirSync(join(import.meta.dirname, folder)).flatMap((file) =>
        [
          ...readFileSync(join(import.meta.dirname, folder, file), 'utf8').matchAll(/^ +name: '([a-z-]+)'/gm),
        ].map(([, name]) => name),
      ),
    )
    expect([...Object.keys(bounded), ...others]).toEqual(expect.arrayContaining(names))
  })

  it('looking for the next deadline reads one entry of an index', async () => {
    const [scan, ...others] = scansIn(
      await explained(known, callOf(nextDeadline, known.store.schema, undefined)),
    )
    expect(others).toEqual([])
    expect(scan).toMatchObject({ 'Node Type': 'Index Only Scan', 'Index Name': 'deadline_due' })
    expect(scan && readBy(scan)).toBe(1)
  })

  it('forgetting reads a portion of the table, without any index', async () => {
    const forgetting = callOf(forgetOld('inbox'), known.store.schema, { olderThanMs: 1, from: 0n })
    const [scan, ...others] = scansIn(await explained(known, forgetting))
    expect(others).toEqual([])
    expect(scan?.['Node Type']).toBe('Tid Range Scan')
  })

  it('only looking for what is unpublished for long reads a whole table, the outbox', async () => {
    const looking = callOf(listUnpublishedByAge, known.store.schema, { olderThanMs: 1_000, after: 0n })
    expect(scansIn(await explained(known, looking)).map((scan) => scan['Relation Name'])).toEqual(['outbox'])
  })
})

function expectBounded(plan: Plan): void {
  const scans = scansIn(plan)
  expect(scans.filter((scan) => !(scan['Index Cond'] ?? scan['TID Cond']))).toEqual([])
  for (const scan of scans) {
    const read = { index: scan['Index Name'], condition: scan['Index Cond'], rows: readBy(scan) }
    expect(read.rows <= readPerLookUp * 2 * given ? undefined : read).toBeUndefined()
  }
  // Two lists that are held against each other row by row: no table is read, and the time is the square.
  const compared = nodesIn(plan).map(
    (node) => (node['Rows Removed by Join Filter'] ?? 0) * node['Actual Loops'],
  )
  expect(Math.max(...compared)).toBeLessThanOrEqual(readPerLookUp * 2 * given)
}

/** What `EXPLAIN` says of a node. */
interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly 'TID Cond'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly 'Rows Removed by Join Filter'?: number
  readonly Plans?: readonly Plan[]
}

/** Plans it as the ledger does, prepared and on such a connection; the connection keeps the plan. */
async function plan(filled: Filled, name: string): Promise<void> {
  await filled.client.query(`EXPLAIN EXECUTE ${await preparedOf(filled, callNamed(filled, name))}`)
}

function planOf(filled: Filled, name: string): Promise<Plan> {
  return explained(filled, callNamed(filled, name))
}

function callNamed({ store }: Filled, name: string): Call {
  const call = bounded[name]?.(store.schema)
  if (!call) throw new Error(`There is no statement ${name}.`)
  return call
}

/** Runs it, and leaves nothing behind. */
async function explained(filled: Filled, call: Call): Promise<Plan> {
  const execution = await preparedOf(filled, call)
  await filled.client.query('BEGIN')
  try {
    const { rows: found } = await filled.client.query<{
      'QUERY PLAN': readonly { readonly Plan: Plan }[]
    }>(`EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE ${execution}`)
    const top = found[0]?.['QUERY PLAN'][0]?.Plan
    if (!top) throw new Error('There is no plan.')
    return top
  } finally {
    await filled.client.query('ROLLBACK')
  }
}

/** Its name and its parameters. */
async function preparedOf({ client }: Filled, { name, text, parameters }: Call): Promise<string> {
  const { rows: prepared } = await client.query('SELECT FROM pg_prepared_statements WHERE name = $1', [name])
  if (prepared.length === 0) await client.query(`PREPARE "${name}" AS ${text}`)
  return `"${name}"${await literalsOf(client, { text, parameters })}`
}

/** EXPLAIN takes no parameters: they go into its text, by the types that the statement gives them. */
async function literalsOf(
  client: Client,
  { text, parameters }: Pick<Call, 'text' | 'parameters'>,
): Promise<string> {
  if (parameters.length === 0) return ''
  const types = parameters.map((_, n) => new RegExp(`\\$${n + 1}::(\\w+(\\[\\])?)`).exec(text)?.[1])
  const { rows: found } = await client.query<Record<string, string>>(
    `SELECT ${types.map((type, n) => `quote_nullable($${n + 1}::${type}::text) AS "${n}"`).join(', ')}`,
    [...parameters],
  )
  return `(${types.map((_, n) => found[0]?.[n]).join(', ')})`
}

function nodesIn(plan: Plan): readonly Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesIn)]
}

/** Every node that reads one of the ledger's tables. */
function scansIn(plan: Plan): readonly Plan[] {
  return nodesIn(plan).filter(
    (node) => node['Node Type'].endsWith('Scan') && node['Relation Name'] !== undefined,
  )
}

function readBy(scan: Plan): number {
  return (scan['Actual Rows'] + (scan['Rows Removed by Filter'] ?? 0)) * scan['Actual Loops']
}
