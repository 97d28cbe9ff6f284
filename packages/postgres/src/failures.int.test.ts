import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { isTroupeError, type Ledger, type Log } from '@troupe/core'
import { startPostgres } from '@troupe/embedded'
import { Client } from 'pg'
import {
  assertNowhere,
  entry,
  everywhere,
  moveOf,
  settlement,
  write,
  unpublishedIn,
} from './contract/case-building.ts'
import { postgresLedger } from './postgres-ledger.ts'
import { silentLog, startStores, type Store, type Stores, until } from './stores.test.kit.ts'
import { startProxy } from './wire/proxy.test.kit.ts'

let stores: Stores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

const unreachable = { code: 'TROUPE_DATABASE_UNREACHABLE' }

async function withLedger(
  store: Store,
  work: (ledger: Ledger) => Promise<void>,
  options = {},
): Promise<void> {
  const ledger = store.open(options)
  try {
    await work(ledger)
  } finally {
    await ledger.close()
  }
}

/** Holds the lock of a document, so that whoever writes it waits. */
async function lockDocument({ url, schema }: Store, key: string): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: url, application_name: 'locker' })
  await client.connect()
  await client.query('BEGIN')
  await client.query(`SELECT FROM ${schema}.document WHERE key = $1 FOR UPDATE`, [key])
  return () => client.end()
}

/** Waits until a ledger of this test file waits for a lock, and returns its backend. */
function waitingBackend(): Promise<number> {
  return until(async () => {
    const [row] = await stores.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'troupe' AND wait_event_type = 'Lock'
       AND datname = current_database()`,
    )
    return row?.pid
  })
}

/** ErrorResponse, as a server sends it to every connection when it is stopped. */
const shutdownMessage = (() => {
  const fields = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0')
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
})()

describe('a ledger whose backend is terminated', () => {
  it('says that the database is unreachable, has written nothing, and goes on', async () => {
    const store = stores.make()
    await withLedger(store, async (ledger) => {
      await ledger.migrate()
      await ledger.settle(settlement({ documents: [write('book', 0)] }))
      const unlock = await lockDocument(store, 'book')
      const whole = everywhere('killed')
      const settling = ledger.settle({ ...whole, documents: [...whole.documents, write('book', 1)] })
      const refused = expect(settling).rejects.toMatchObject({
        ...unreachable,
        details: { sqlState: '57P01' },
      })
      await stores.query('SELECT pg_terminate_backend($1)', [await waitingBackend()])
      await refused
      await unlock()
      await assertNowhere(ledger, 'killed')
      await ledger.settle(whole)
    })
  })

  it('survives it while idle, and says so', async () => {
    const lost: string[] = []
    const log: Log = { ...silentLog, warn: (_, message) => void lost.push(message) }
    const ledger = stores.make().open({ log })
    await ledger.ping()
    await stores.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'troupe'
       AND datname = current_database()`,
    )
    await until(() => lost.length > 0)
    await ledger.ping()
    await ledger.close()
    expect(lost).toEqual(['lost an idle connection to PostgreSQL'])
  })
})

describe('a ledger whose server shuts down in the packet that says that a connection is ready', () => {
  // The pool has let go of the connection by then, and whoever waited for it has not got it yet.
  it('says that the database is unreachable, and goes on', async () => {
    const proxy = await startProxy(stores.make().url)
    const ledger = stores.make().open({ url: proxy.url })
    proxy.append('Z', shutdownMessage)
    await expect(ledger.ping()).rejects.toMatchObject(unreachable)
    await ledger.ping()
    await ledger.close()
    await proxy.close()
  })
})

describe('a ledger on a bad network', () => {
  it('gives up when no answer comes, and goes on when the network is back', async () => {
    const store = stores.make()
    const proxy = await startProxy(store.url)
    await withLedger(
      store,
      async (ledger) => {
        await ledger.migrate()
        await ledger.ping()
        proxy.hold('client', 'server')
        await expect(ledger.settle(everywhere('lost'))).rejects.toMatchObject({
          ...unreachable,
          details: { during: 'insert-inbox' },
        })
        // Another connection, which is accepted and never greeted.
        await expect(ledger.ping()).rejects.toMatchObject({
          ...unreachable,
          details: { during: 'connecting' },
        })
        proxy.hold()
        await ledger.ping()
        await assertNowhere(ledger, 'lost')
      },
      { url: proxy.url, statementTimeoutMs: 100 },
    )
    await proxy.close()
  })

  it('failure 3: calls a settlement unreachable whose commit was not heard of; the position tells that it was written', async () => {
    const store = stores.make()
    const proxy = await startProxy(store.url)
    const partition = { topic: 'order.events', partition: 0 }
    await withLedger(
      store,
      async (ledger) => {
        await ledger.migrate()
        const claim = await ledger.claim(partition)
        proxy.hold('server')
        proxy.transcript.splice(0)
        const settling = ledger.settle({ ...everywhere('heard'), position: moveOf(claim, 1n) })
        const refused = expect(settling).rejects.toMatchObject(unreachable)
        await until(() =>
          proxy.transcript.some(({ from, types }) => from === 'server' && types.includes('Z')),
        )
        proxy.cut()
        await refused
        proxy.hold()
        expect((await ledger.positionOf(partition))?.next).toBe(1n)
        await expect(
          ledger.settle({ ...everywhere('heard'), position: moveOf(claim, 1n) }),
        ).rejects.toMatchObject({ code: 'TROUPE_FENCED' })
      },
      { url: proxy.url },
    )
    await proxy.close()
  })
})

describe('a ledger on a server in trouble', () => {
  it('calls a statement that takes too long unreachable', async () => {
    const store = stores.make()
    await withLedger(
      store,
      async (ledger) => {
        await ledger.migrate()
        await ledger.settle(settlement({ documents: [write('book', 0)] }))
        const unlock = await lockDocument(store, 'book')
        await expect(ledger.settle(settlement({ documents: [write('book', 1)] }))).rejects.toMatchObject({
          ...unreachable,
          details: { during: 'update-documents', sqlState: '57014' },
        })
        await unlock()
        await ledger.settle(settlement({ documents: [write('book', 1)] }))
      },
      { statementTimeoutMs: 100 },
    )
  })

  it('never shows the password when it is refused', async () => {
    const wrong = new URL(stores.make().url)
    wrong.password = 'tiger-in-the-tank'
    const ledger = postgresLedger({ url: wrong.href, log: silentLog })
    const error: unknown = await ledger.ping().catch((reason: unknown) => reason)
    await ledger.close()
    expect(error).toMatchObject({
      code: 'TROUPE_ACCESS_DENIED',
      message: expect.stringMatching(
        `${wrong.host}${wrong.pathname} does not let the user ${wrong.username} in`,
      ),
      details: { sqlState: '28P01' },
    })
    expect(JSON.stringify(error) + String(error) + String((error as Error).stack)).not.toContain('tiger')
  })

  it('names the user and the right that is missing, and goes on once it is granted', async () => {
    const [narrow, user] = [`${stores.database}_narrow`, `${stores.database}_guest`]
    await stores.server.createDatabase({ name: narrow })
    // A role like any other, with a database of its own, that is let into somebody else's.
    const guest = new URL(await stores.server.createDatabase({ name: user }))
    guest.pathname = `/${narrow}`
    const client = new Client({ connectionString: stores.server.url })
    await client.connect()
    const ledger = postgresLedger({ url: guest.href, log: silentLog })
    try {
      await client.query(`GRANT CONNECT ON DATABASE ${narrow} TO ${user}`)
      await expect(ledger.migrate()).rejects.toMatchObject({
        code: 'TROUPE_ACCESS_DENIED',
        message: expect.stringMatching(
          new RegExp(
            `${narrow} denies the user ${user} a right \\(.*\\): permission denied for database ${narrow}\\. Grant it`,
          ),
        ),
        details: { sqlState: '42501', user },
      })
      await client.query(`GRANT CREATE ON DATABASE ${narrow} TO ${user}`)
      await ledger.migrate()
    } finally {
      await ledger.close()
      await client.end()
    }
  })

  it('names host, port and database where nothing listens, for whatever is asked', async () => {
    const ledger = postgresLedger({ url: 'postgres://u:tiger@127.0.0.1:1/nowhere', log: silentLog })
    for (const work of [
      () => ledger.migrate(),
      () => ledger.ping(),
      () => ledger.claim({ topic: 't', partition: 0 }),
      () => ledger.settle(settlement({ inbox: [entry('1')] })),
    ]) {
      const error: unknown = await work().catch((reason: unknown) => reason)
      expect(error).toMatchObject({
        ...unreachable,
        details: { host: '127.0.0.1', port: 1, database: 'nowhere' },
      })
      expect(String(error)).toContain('127.0.0.1:1/nowhere')
      expect(String(error)).not.toContain('tiger')
    }
    await ledger.close()
  })

  it('goes on where it was when the server is started again', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'troupe-restart-'))
    const first = await startPostgres({ dir, fsync: false })
    const url = await first.createDatabase({ name: 'restart', password: 'restart' })
    const ledger = postgresLedger({ url, log: silentLog })
    const partition = { topic: 'order.events', partition: 0 }
    try {
      await ledger.migrate()
      const claim = await ledger.claim(partition)
      await ledger.settle({ ...everywhere('before'), position: moveOf(claim, 7n) })
      await first.stop()
      await expect(ledger.ping()).rejects.toMatchObject(unreachable)
      const second = await startPostgres({ dir, fsync: false, port: first.port })
      try {
        await ledger.migrate()
        expect(await ledger.positionOf(partition)).toEqual({ ...claim, next: 7n })
        expect(await unpublishedIn(ledger, 'before')).toHaveLength(1)
      } finally {
        await ledger.close()
        await second.stop()
      }
    } finally {
      await ledger.close()
      await first.stop()
      await rm(dir, { recursive: true, force: true })
    }
  })
})

describe('many settlements at once', () => {
  it('never wait for each other in a circle', async () => {
    const store = stores.make()
    const ledgers = [store.open({ connectionsMax: 6 }), store.open({ connectionsMax: 6 })]
    await ledgers[0]?.migrate()
    const keys = Array.from({ length: 8 }, (_, index) => `key-${index}`)
    const raced: unknown[] = []
    let settled = 0
    const writer = async (ledger: Ledger, seed: number) => {
      for (let round = 0; round < 25; round += 1) {
        const turned = [...keys.slice((seed + round) % 8), ...keys.slice(0, (seed + round) % 8)]
        const chosen = (seed % 2 ? turned : turned.toReversed()).slice(0, 6)
        const { documents, seen } = await ledger.recall({
          events: chosen.map((id) => entry(`${id}-${round}`)),
          documents: chosen.map((key) => ({ kind: 'stock', key })),
          steps: [],
          answers: [],
        })
        const versions = new Map(documents.map(({ key, version }) => [key, version]))
        const known = new Set(seen.map(({ id }) => id))
        const inbox = chosen.map((id) => entry(`${id}-${round}`)).filter(({ id }) => !known.has(id))
        await ledger
          .settle(settlement({ inbox, documents: chosen.map((key) => write(key, versions.get(key) ?? 0)) }))
          .then(
            () => (settled += 1),
            (error: unknown) => raced.push(error),
          )
      }
    }
    await Promise.all(Array.from({ length: 12 }, (_, seed) => writer(ledgers[seed % 2] as Ledger, seed)))
    await Promise.all(ledgers.map((ledger) => ledger.close()))
    expect(settled).toBeGreaterThan(20)
    const others = raced.filter(
      (error) => !isTroupeError(error, 'TROUPE_CONFLICT') || !('changed' in error.details),
    )
    expect(others).toEqual([])
  })
})
