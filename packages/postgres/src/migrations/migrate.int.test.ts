import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { isTroupeError, type Log } from '@troupe/core'
import { Client } from 'pg'
import { letter, ownerOf, parking } from '../contract/aside-building.ts'
import {
  entry,
  moveOf,
  record,
  request,
  settlement,
  stepWrite,
  unpublishedIn,
  write,
} from '../contract/case-building.ts'
import { settingsOf } from '../settings.ts'
import { silentLog, startStores, type Store, type Stores } from '../stores.test.kit.ts'
import { migrate } from './migrate.ts'
import type { Migration } from './migration.ts'
import { migrations } from './migrations.ts'

let stores: Stores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

const settings = ({ url, schema }: Store, log: Log = silentLog) => settingsOf({ url, schema, log })
const newest = migrations.length
const extra = (sql: string): Migration => ({ number: newest + 1, name: 'extra', sql: () => sql })

describe('migrating a ledger', () => {
  it('applies each migration once, however many instances start together', async () => {
    const store = stores.make()
    const applied: object[] = []
    const log: Log = { ...silentLog, info: (facts) => void applied.push(facts) }
    const ledgers = Array.from({ length: 3 }, () => store.open({ log }))
    await Promise.all(ledgers.map((ledger) => ledger.migrate()))
    await Promise.all(ledgers.map((ledger) => ledger.migrate()))
    await Promise.all(ledgers.map((ledger) => ledger.close()))
    expect(applied).toHaveLength(migrations.length)
    const rows = await stores.query(`SELECT number, name, length(checksum) FROM ${store.schema}.migration`)
    expect(rows).toEqual(migrations.map(({ number, name }) => ({ number, name, length: 64 })))
  })

  it('goes on from an older version', async () => {
    const store = stores.make()
    await migrate(settings(store))
    await migrate(settings(store), [...migrations, extra(`CREATE TABLE ${store.schema}.extra ()`)])
    expect(await stores.query(`SELECT number FROM ${store.schema}.migration ORDER BY number`)).toEqual(
      Array.from({ length: newest + 1 }, (_, index) => ({ number: index + 1 })),
    )
  })

  it('leaves nothing behind when one fails, and names it', async () => {
    const store = stores.make()
    const broken = [...migrations, extra('SELECT no_such_function()')]
    await expect(migrate(settings(store), broken)).rejects.toThrow(
      new RegExp(`${String(newest + 1).padStart(4, '0')}-extra.*no_such_function`),
    )
    expect(await stores.query('SELECT to_regnamespace($1) AS found', [store.schema])).toEqual([
      { found: null },
    ])
    await migrate(settings(store))
  })

  it('refuses a ledger that is ahead of the code, with both versions', async () => {
    const store = stores.make()
    await migrate(settings(store), [...migrations, extra('SELECT 1')])
    const ledger = store.open()
    const error: unknown = await ledger.migrate().catch((reason: unknown) => reason)
    await ledger.close()
    expect(error).toMatchObject({
      code: 'TROUPE_LEDGER_NEWER',
      details: { found: newest + 1, known: newest },
    })
    expect(String(error)).toMatch(
      new RegExp(`version ${newest + 1}; this code knows version ${newest}\\. Deploy`),
    )
  })

  it('refuses a migration that was changed after it was applied, by name', async () => {
    const store = stores.make()
    await migrate(settings(store), [...migrations, extra('SELECT 1')])
    const error: unknown = await migrate(settings(store), [...migrations, extra('SELECT 2')]).catch(
      (reason: unknown) => reason,
    )
    expect(isTroupeError(error, 'TROUPE_LEDGER_ALTERED')).toBe(true)
    expect(String(error)).toContain(`${String(newest + 1).padStart(4, '0')}-extra`)
  })

  it('leaves an older instance that runs beside it at work, where it only adds', async () => {
    const store = stores.make()
    const older = store.open()
    await older.migrate()
    const claim = await older.claim({ topic: 'order.events', partition: 0 })
    const names: string[] = []
    // A batch after the other, each reading what the one before it has written.
    async function settleNext(): Promise<void> {
      const [before, name] = [names.at(-1), `event-${names.length}`]
      const recalled = await older.recall(
        request({
          events: before === undefined ? [] : [entry(before)],
          documents: [write('hot', 0)],
          steps: before === undefined ? [] : [{ saga: before, step: 'reserveStock', withDocuments: true }],
        }),
      )
      expect(recalled.seen).toHaveLength(Math.min(names.length, 1))
      expect(recalled.steps).toHaveLength(Math.min(names.length, 1))
      const place = BigInt(names.length)
      await older.settle(
        settlement({
          position: moveOf({ ...claim, next: names.length === 0 ? claim.next : place }, place + 1n),
          inbox: [entry(name)],
          documents: [write('hot', recalled.documents[0]?.version ?? 0), write(name, 0)],
          steps: [stepWrite({ saga: name, touched: [{ kind: 'stock', key: 'hot' }] })],
          answers: [{ command: 'placeOrder', idempotencyKey: name, inputHash: 'hash', answer: name }],
          outbox: [record(name)],
          published: before === undefined ? [] : [before],
        }),
      )
      names.push(name)
    }
    async function lookAround(): Promise<void> {
      expect(await older.document({ kind: 'stock', key: 'hot' })).toMatchObject({ version: names.length })
      expect(await older.documents('stock', { limit: 1_000 })).toHaveLength(names.length + 1)
      expect(await unpublishedIn(older, 'order.events/0')).toHaveLength(1)
      expect(await older.unpublished({ olderThanMs: 0 })).toMatchObject({ found: [names.at(-1)] })
      expect(await older.positionOf(claim)).toMatchObject({ next: BigInt(names.length) })
      expect(await older.forget('inbox', 3_600_000)).toMatchObject({ forgotten: 0 })
      expect(await older.schemas()).toEqual([])
    }
    // Every statement is prepared on the older form.
    for (let batch = 0; batch < 5; batch += 1) await settleNext()
    await lookAround()

    const migrated = new AbortController()
    // In the order of a settlement, so that none waits for the migration that waits for it.
    const tables = ['position', 'inbox', 'answer', 'step', 'document', 'outbox', 'registry_schema']
    const adding = [
      ...tables.map(
        (table) => `ALTER TABLE ${store.schema}.${table} ADD COLUMN extra text NOT NULL DEFAULT ''`,
      ),
      `CREATE INDEX ON ${store.schema}.inbox (saga)`,
      `CREATE TABLE ${store.schema}.extra (saga text PRIMARY KEY)`,
    ]
    const migrating = migrate(settings(store), [...migrations, extra(adding.join(';\n'))]).finally(() => {
      migrated.abort()
    })
    while (!migrated.signal.aborted) await settleNext()
    await migrating
    for (let batch = 0; batch < 5; batch += 1) await settleNext()

    await lookAround()
    expect(await older.forget('inbox', 0)).toMatchObject({ forgotten: names.length })
    expect(await older.claim(claim)).toMatchObject({ epoch: claim.epoch + 1, next: BigInt(names.length) })
    await older.close()
  })

  it('counts the age of a dead letter that older code has closed from when it is first looked at', async () => {
    const store = stores.make()
    const ledger = store.open()
    await ledger.migrate()
    const owner = await ownerOf(ledger)
    await owner.settle(parking([], [letter(5), letter(6)]))
    const rows = `${store.schema}.dead_letter`
    await stores.query(`UPDATE ${rows} SET last_failed_at = '2020-01-01'`)
    await stores.query(`UPDATE ${rows} SET state = 'discarded' WHERE record_offset = 5`)
    const hourMs = 3_600_000
    expect((await ledger.forget('deadLetters', hourMs)).forgotten).toBe(0)
    await stores.query(`UPDATE ${rows} SET closed_at = closed_at - interval '2 hours'`)
    expect((await ledger.forget('deadLetters', hourMs)).forgotten).toBe(1)
    expect(await stores.query(`SELECT record_offset, closed_at FROM ${rows}`)).toEqual([
      { record_offset: '6', closed_at: null },
    ])
    await ledger.close()
  })

  it('needs no right to create schemas where somebody made its schema', async () => {
    const store = stores.make()
    const role = new URL(store.url).username
    await stores.query(`CREATE SCHEMA ${store.schema}`)
    await stores.query(`REVOKE CREATE ON DATABASE ${stores.database} FROM ${role}`)
    try {
      await migrate(settings(store))
      await migrate(settings(store))
    } finally {
      await stores.query(`GRANT CREATE ON DATABASE ${stores.database} TO ${role}`)
    }
  })

  it('refuses a database that cannot hold every character', async () => {
    const admin = new Client({ connectionString: stores.server.url })
    await admin.connect()
    const latin = `${stores.database}_latin`
    await admin.query(`CREATE DATABASE ${latin} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`)
    const url = new URL(stores.server.url)
    url.pathname = `/${latin}`
    try {
      await expect(migrate(settingsOf({ url: url.href, log: silentLog }))).rejects.toMatchObject({
        code: 'TROUPE_SETTING_INVALID',
        details: { encoding: 'LATIN1' },
      })
    } finally {
      await admin.query(`DROP DATABASE ${latin} WITH (FORCE)`)
      await admin.end()
    }
  })

  it('keeps ledgers in schemas of their own apart, whatever those are called', async () => {
    const store = stores.make()
    const [user, other] = [store.open({ schema: 'user' }), store.open({ schema: 'select' })]
    await Promise.all([user.migrate(), other.migrate()])
    await user.claim({ topic: 't', partition: 0 })
    expect(await other.positionOf({ topic: 't', partition: 0 })).toBeUndefined()
    await Promise.all([user.close(), other.close()])
  })
})
