import { Client } from 'pg'
import type { DocumentRow, InboxRow, LedgerFacts, LetterRow, StepRow } from '../checks/facts.ts'

/** Reads a service's ledger, past its proxies. */
export async function readLedger(databaseUrl: string): Promise<LedgerFacts> {
  return withClient(databaseUrl, async (client) => {
    const inbox = await client.query<InboxRow>('SELECT source, id, type, outcome FROM troupe.inbox')
    const outbox = await client.query<{ id: string }>('SELECT id FROM troupe.outbox ORDER BY seq')
    const documents = await client.query<DocumentRow>(
      // Version 0 is what was read before it was there: a hold, no document.
      'SELECT kind, key, version::int, state FROM troupe.document WHERE version > 0',
    )
    const steps = await client.query<StepRow>('SELECT saga, step, state FROM troupe.step')
    const letters = await readLetters(client)
    return {
      inbox: inbox.rows,
      outbox: outbox.rows.map(({ id }) => id),
      documents: documents.rows,
      steps: steps.rows,
      letters,
      parked: await readParked(client),
    }
  })
}

/** Inventory's own table, each row as if it were a document. */
export async function readStock(databaseUrl: string): Promise<readonly DocumentRow[]> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ sku: string; free: number; held: number }>(
      'SELECT sku, free::float8, held::float8 FROM inventory.stock ORDER BY sku',
    )
    return rows.map(({ sku, ...state }) => ({ kind: 'stock', key: sku, version: undefined, state }))
  })
}

/** What a service has still before it. */
export interface Progress {
  /** How far it has read, by `topic/partition`. */
  readonly positions: ReadonlyMap<string, bigint>
  /** How much it has not published. */
  readonly outbox: number
  /** Keys that are parked. */
  readonly parked: readonly string[]
  readonly letters: readonly LetterRow[]
}

export async function readProgress(databaseUrl: string): Promise<Progress> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ lane: string; next: string }>(
      `SELECT topic || '/' || partition AS lane, next_offset AS next FROM troupe.position WHERE next_offset IS NOT NULL`,
    )
    const outbox = await client.query<{ count: number }>('SELECT count(*)::int AS count FROM troupe.outbox')
    return {
      positions: new Map(rows.map(({ lane, next }) => [lane, BigInt(next)])),
      outbox: outbox.rows[0]?.count ?? 0,
      parked: await readParked(client),
      letters: await readLetters(client),
    }
  })
}

async function readParked(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ key: string }>('SELECT key FROM troupe.parked_key')
  return rows.map(({ key }) => key)
}

async function readLetters(client: Client): Promise<readonly LetterRow[]> {
  const { rows } = await client.query<LetterRow>(
    'SELECT letter AS id, type, saga, state, redrives FROM troupe.dead_letter',
  )
  return rows
}

/** Orders that have not ended: a thousand at most. */
export async function readOpenOrders(databaseUrl: string): Promise<readonly string[]> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ key: string }>(
      `SELECT key FROM troupe.document
       WHERE kind = 'order-status' AND version > 0 AND state ->> 'state' NOT IN ('completed', 'cancelled') LIMIT 1000`,
    )
    return rows.map(({ key }) => key)
  })
}

/** @throws what keeps the database from being asked */
export async function withClient<Answer>(
  databaseUrl: string,
  ask: (client: Client) => Promise<Answer>,
): Promise<Answer> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 })
  // A connection that breaks fails the query that is under way.
  client.on('error', () => {})
  try {
    await client.connect()
    return await ask(client)
  } finally {
    await client.end().catch(() => {})
  }
}
