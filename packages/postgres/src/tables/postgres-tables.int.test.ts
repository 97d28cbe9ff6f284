import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import type { Sql, Tables } from '@troupe/core'
import { type Store, silentLog, startStores, type Stores } from '../stores.test.kit.ts'
import { postgresTables } from './postgres-tables.ts'

let stores: Stores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores?.stop(), 30_000)

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

let made = 0

function tablesIn(store: Store, name: string, statementTimeoutMs = 5_000): Tables {
  const { url, schema } = store
  const ledger = store.open()
  const tables = postgresTables({ url, schema, name, statementTimeoutMs, ledger, log: silentLog })
  opened.push(tables, ledger)
  return tables
}

const stock = {
  name: 'stock',
  sql: `CREATE TABLE stock (sku text, free int); INSERT INTO stock VALUES ('book', 3)`,
}
const held = { name: 'held', sql: 'ALTER TABLE stock ADD held int NOT NULL DEFAULT 0' }
const nameOf = () => `own-${(made += 1)}`

describe('tables of a service', () => {
  it('are made once, step by step, in a schema of its name, whoever starts first', async () => {
    const [store, name] = [stores.make(), nameOf()]
    const [one, other] = [tablesIn(store, name), tablesIn(store, name)]
    await Promise.all([one.migrate([stock]), other.migrate([stock])])
    await one.migrate([stock, held])
    expect(await one.read`SELECT * FROM stock`).toEqual([{ sku: 'book', free: 3, held: 0 }])
    expect(await stores.query(`SELECT number, name FROM "${name}".troupe_migration ORDER BY number`)).toEqual(
      [
        { number: 1, name: 'stock' },
        { number: 2, name: 'held' },
      ],
    )
    await expect(one.migrate([stock])).rejects.toMatchObject({ code: 'TROUPE_LEDGER_NEWER' })
    await expect(one.migrate([{ ...stock, sql: 'SELECT 1' }, held])).rejects.toMatchObject({
      code: 'TROUPE_LEDGER_ALTERED',
      message: expect.stringContaining(`The tables of ${name} in schema ${name}`) as unknown,
    })
  })

  it('are not half made: a step that the database refuses leaves nothing, and is named', async () => {
    const [store, name] = [stores.make(), nameOf()]
    const tables = tablesIn(store, name)
    await expect(
      tables.migrate([stock, { name: 'odd', sql: 'CREATE TABLE odd (of nothing)' }]),
    ).rejects.toMatchObject({
      code: 'TROUPE_DECLARATION_INVALID',
      message: expect.stringMatching(/migration 0002-odd .*"nothing" does not exist/) as unknown,
    })
    expect(await stores.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [name])).toEqual([])
  })

  it('are read beside transactions, and not written', async () => {
    const [store, name] = [stores.make(), nameOf()]
    const tables = tablesIn(store, name)
    await tables.migrate([stock])
    const [few] = await tables.read.query<{ free: number }>('SELECT free FROM stock WHERE free > $1', [1])
    expect(few).toEqual({ free: 3 })
    await expect(tables.read`UPDATE stock SET free = 0`).rejects.toThrow(/read-only transaction/)
    await expect(tables.read`SET default_transaction_read_only = off`).rejects.toMatchObject({
      code: 'TROUPE_TRANSACTION_MISUSED',
    })
  })

  it('refuse the name of their ledger', () => {
    const store = stores.make()
    expect(() => tablesIn(store, store.schema)).toThrow(/Give the service another name/)
  })
})

describe('a transaction on tables', () => {
  const how = { name: 'unit', isGuarded: true, timeoutMs: 5_000, signal: new AbortController().signal }

  it('keeps what its guarded units did, but for those that failed, until it is ended', async () => {
    const tables = tablesIn(stores.make(), nameOf())
    await tables.migrate([stock])
    const transaction = tables.open()
    expect(transaction.state).toBe('new')
    const taken = await transaction.unit(
      async (sql) => (await sql`UPDATE stock SET free = free - 1`).count,
      how,
    )
    const failed = await transaction.unit(async (sql) => {
      await sql`UPDATE stock SET free = 100`
      throw new Error('could not tell')
    }, how)
    const refused = await transaction.unit((sql) => sql`SELECT 1 / 0`, how)
    const seen = await transaction.unit((sql) => sql<{ free: number }>`SELECT free FROM stock`, how)
    expect([taken, failed, refused.isDone]).toEqual([
      { isDone: true, result: 1 },
      { isDone: false, error: new Error('could not tell') },
      false,
    ])
    expect(seen).toMatchObject({ isDone: true, result: [{ free: 2 }] })
    await transaction.end()
    await transaction.end()
    expect(transaction.state).toBe('ended')
    expect(await tables.read`SELECT free FROM stock`).toEqual([{ free: 3 }])
  })

  it('is spoilt by a unit that fails without a guard', async () => {
    const tables = tablesIn(stores.make(), nameOf())
    const transaction = tables.open()
    await transaction.unit(() => Promise.reject(new Error('no')), { ...how, isGuarded: false })
    expect(transaction.state).toBe('spoilt')
    await expect(transaction.unit(async () => {}, how)).rejects.toThrow(/spoilt/)
    await transaction.end()
  })

  it('takes what SQL has, and gives what the driver makes of it', async () => {
    const tables = tablesIn(stores.make(), nameOf())
    const at = new Date(1_700_000_000_000)
    const bytes = new Uint8Array([0, 255])
    const rows =
      await tables.read`SELECT ${10n}::bigint AS big, ${[1, 2]}::int[] AS list, ${null}::text AS nothing,
      ${true}::bool AS yes, ${at}::timestamptz AS at, ${bytes}::bytea AS bytes, ${'x'}::text AS text`
    expect(rows).toMatchObject([
      { big: '10', list: [1, 2], nothing: null, yes: true, at, bytes: Buffer.from(bytes), text: 'x' },
    ])
    expect(rows.count).toBe(1)
  })

  it('has a statement that comes again planned once, and not every text that was ever run', async () => {
    const tables = tablesIn(stores.make(), nameOf())
    await tables.migrate([stock])
    const transaction = tables.open()
    const take = (sql: Sql, n: number) => sql`UPDATE stock SET free = free - ${n}`
    for (let n = 1; n <= 4; n += 1) {
      await transaction.unit(async (sql) => {
        await take(sql, 0)
        await sql.query(`SELECT ${n}`)
      }, how)
    }
    const remembered = await transaction.unit(
      (sql) =>
        sql`SELECT statement, generic_plans + custom_plans AS uses FROM pg_prepared_statements WHERE name LIKE 'own %'`,
      how,
    )
    expect(remembered).toMatchObject({
      result: [{ statement: 'UPDATE stock SET free = free - $1', uses: '2' }],
    })
    await transaction.end()
  })

  it('blames nobody for a plan that somebody else’s migration made stale, and has a new one made', async () => {
    const tables = tablesIn(stores.make(), nameOf())
    await tables.migrate([stock])
    const all = (sql: Sql) => sql`SELECT * FROM stock`
    const look = async () => {
      const transaction = tables.open()
      try {
        return await transaction.unit(all, how)
      } finally {
        await transaction.end()
      }
    }
    for (let n = 1; n <= 3; n += 1) expect(await look()).toMatchObject({ result: [{ free: 3 }] })
    await tables.migrate([stock, held])
    await expect(look()).rejects.toMatchObject({ code: 'TROUPE_DATABASE_UNREACHABLE' })
    expect(await look()).toMatchObject({ result: [{ free: 3, held: 0 }] })
  })

  it('stops waiting for a connection when it is called off', async () => {
    const tables = tablesIn(stores.make(), nameOf())
    const busy = Array.from({ length: 4 }, () => tables.open())
    for (const one of busy) await one.unit(async () => {}, how)
    const callOff = new AbortController()
    const waiting = tables.open().unit(async () => {}, { ...how, signal: callOff.signal })
    callOff.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
    for (const one of busy) await one.end()
  })
})
