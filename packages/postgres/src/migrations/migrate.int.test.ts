import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { isTroupeError, type Log } from '@troupe/core'
import { Client } from 'pg'
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
      new RegExp(`000${newest + 1}-extra.*no_such_function`),
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
    expect(String(error)).toContain(`000${newest + 1}-extra`)
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
