import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { Client } from 'pg'
import { lockOwner } from '../stack/folder-lock.ts'
import { commandOf, isAlive } from '../stack/process-identity.ts'
import { startPostgres, type EmbeddedPostgres, type PostgresOptions } from './start.ts'

const cleanUps: (() => unknown)[] = []
async function cleanUp(): Promise<void> {
  for (const step of cleanUps.splice(0).toReversed()) await step()
}
afterEach(cleanUp)

async function start(options: PostgresOptions = {}): Promise<EmbeddedPostgres> {
  const postgres = await startPostgres({ fsync: false, ...options })
  cleanUps.push(() => postgres.stop())
  return postgres
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'postgres-test-'))
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function query(url: string, text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text, values)).rows
  } finally {
    await client.end()
  }
}

/** The folder that a running server keeps its data in. */
async function dataFolderOf({ url }: EmbeddedPostgres): Promise<string> {
  const [row] = await query(url, 'SHOW data_directory')
  return String(row?.['data_directory'])
}

describe('a running server', () => {
  let postgres: EmbeddedPostgres
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres.stop())

  it('is PostgreSQL 18, safe against power cuts unless told otherwise', async () => {
    const settings = ['server_version', 'fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums']
    const [row] = await query(
      postgres.url,
      `SELECT ${settings.map((name) => `current_setting('${name}') AS ${name}`).join()}`,
    )
    expect(row).toEqual({
      server_version: '18.4',
      fsync: 'on',
      full_page_writes: 'on',
      synchronous_commit: 'on',
      data_checksums: 'on',
    })
  })

  it('listens on the loopback address alone, with no socket file', async () => {
    const [row] = await query(
      postgres.url,
      `SELECT current_setting('listen_addresses') AS hosts, current_setting('unix_socket_directories') AS sockets`,
    )
    expect(row).toEqual({ hosts: '127.0.0.1', sockets: '' })
  })

  it('keeps nothing outside its folder', async () => {
    const data = await dataFolderOf(postgres)
    expect(readdirSync(dirname(data)).toSorted()).toEqual(['data', 'in-use-by.json', 'server.log'])
    expect(dirname(dirname(data))).toBe(tmpdir())
    expect(statSync(dirname(data)).mode & 0o077).toBe(0)
  })

  it('lets nobody in without the right password', async () => {
    const url = new URL(postgres.url)
    url.password = 'wrong'
    await expect(query(url.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
  })

  it('gives each database a role of its own that can open no other', async () => {
    const [order, payment] = await Promise.all([
      postgres.createDatabase({ name: 'order' }),
      postgres.createDatabase({ name: 'payment', user: 'payer', password: 'p4y/me?' }),
    ])
    await query(order, 'CREATE TABLE orders (id int)')
    expect(await query(payment, 'SELECT current_user, current_database()')).toEqual([
      { current_user: 'payer', current_database: 'payment' },
    ])
    for (const other of ['payment', 'postgres', 'template1']) {
      const url = new URL(order)
      url.pathname = other
      await expect(query(url.href, 'SELECT 1')).rejects.toMatchObject({ code: '42501' })
    }
    const [role] = await query(
      postgres.url,
      `SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = 'order'`,
    )
    expect(role).toEqual({ rolsuper: false, rolcreatedb: false, rolcreaterole: false })
  })

  it('keeps a database that exists, and gives it the new password', async () => {
    const before = await postgres.createDatabase({ name: 'kept' })
    await query(before, 'CREATE TABLE t AS SELECT 1 AS n')
    const after = await postgres.createDatabase({ name: 'kept' })
    expect(await query(after, 'SELECT n FROM t')).toEqual([{ n: 1 }])
    await expect(query(before, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
  })

  it('takes the same call several times at once', async () => {
    const urls = await Promise.all(
      Array.from({ length: 4 }, (_, n) =>
        postgres.createDatabase({ name: `at_once_${n % 2}`, user: 'at_once' }),
      ),
    )
    expect(new Set(urls.map((url) => new URL(url).pathname))).toEqual(new Set(['/at_once_0', '/at_once_1']))
  })

  it.each([
    { name: '' },
    { name: 'postgres' },
    { name: 'template1' },
    { name: 'pg_mine' },
    { name: 'é'.repeat(32) },
    { name: 'a', user: 'postgres' },
    { name: 'a', user: 'public' },
    { name: 'a', password: '' },
    { name: 'a', password: 'pässword' },
  ])('refuses to create %j', async (options) => {
    await expect(postgres.createDatabase(options)).rejects.toMatchObject({ code: 'BAD_OPTION' })
  })

  it('takes names with quotes and spaces for names, not for SQL', async () => {
    const url = await postgres.createDatabase({ name: `o'brien" DROP` })
    expect(await query(url, 'SELECT current_database() AS name')).toEqual([{ name: `o'brien" DROP` }])
  })
})

describe('a password', () => {
  it('stands in no log, even if every statement is logged, and in no command line', async () => {
    const postgres = await start({ settings: { log_statement: 'all' } })
    const log = join(dirname(await dataFolderOf(postgres)), 'server.log')
    await postgres.createDatabase({ name: 'logged', password: 'do-not-log-me' })
    await postgres.createDatabase({ name: 'logged', password: 'do-not-log-me' })
    const said = readFileSync(log, 'utf8')
    expect(said).toContain('ALTER ROLE "logged"')
    expect(said).not.toContain('do-not-log-me')
    const { password } = new URL(postgres.url)
    expect(said).not.toContain(password)
    expect(commandOf(postgres.pid)).not.toContain(password)
  })
})

describe('stopping', () => {
  it('leaves no process, no folder and no shared memory behind', async () => {
    const postgres = await start()
    const data = await dataFolderOf(postgres)
    const client = new Client({ connectionString: postgres.url })
    client.on('error', () => {})
    await client.connect()
    await Promise.all([postgres.stop(), postgres.stop()])
    expect(isAlive(postgres.pid)).toBe(false)
    expect(existsSync(dirname(data))).toBe(false)
    expect(await postgres.exited).toEqual({ expected: true, reason: 'exit code 0' })
    await expect(postgres.createDatabase({ name: 'late' })).rejects.toMatchObject({ code: 'STOPPED' })
  })

  it('says so, and how, when the server ends by itself', async () => {
    const said: string[] = []
    const postgres = await start({ log: (level, message) => said.push(`${level}: ${message}`) })
    process.kill(postgres.pid, 'SIGQUIT')
    expect(await postgres.exited).toMatchObject({ expected: false })
    expect(said).toEqual([
      expect.stringMatching(/^error: PostgreSQL \(process \d+\) ended by itself: .*\n[^]*immediate shutdown/),
    ])
    await postgres.stop()
    expect(ownThrowawayFolders()).toEqual([])
  })
})

/** Throwaway folders of this very process; other tests have theirs. */
function ownThrowawayFolders(): string[] {
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith('embedded-postgres-'))
    .filter((name) => lockOwner(join(tmpdir(), name))?.pid === process.pid)
}

describe('a folder to keep', () => {
  it('holds the data across restarts, under the same calls', async () => {
    const dir = join(temporaryFolder(), 'deep', 'down')
    const first = await start({ dir })
    await query(await first.createDatabase({ name: 'shop' }), 'CREATE TABLE t AS SELECT 1 AS n')
    await first.stop()
    expect(readdirSync(dir).toSorted()).toEqual(['data', 'server.log', 'superuser.json'])
    const second = await start({ dir })
    expect(await query(await second.createDatabase({ name: 'shop' }), 'SELECT n FROM t')).toEqual([{ n: 1 }])
    expect(new URL(second.url).password).not.toBe(new URL(first.url).password)
    expect(statSync(join(dir, 'superuser.json')).mode & 0o077).toBe(0)
  })

  it('opens with the password from before, when a crash came between noting and setting the new one', async () => {
    const dir = temporaryFolder()
    const first = await start({ dir })
    await first.stop()
    const file = join(dir, 'superuser.json')
    const known = JSON.parse(readFileSync(file, 'utf8')) as string[]
    writeFileSync(file, JSON.stringify(['never-set', ...known]))
    const second = await start({ dir })
    expect(await query(second.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }])
    expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveLength(1)
  })

  it('is refused to a second server, with the pid of the first one’s process', async () => {
    const dir = temporaryFolder()
    const first = await start({ dir })
    await expect(startPostgres({ dir })).rejects.toMatchObject({
      code: 'FOLDER_IN_USE',
      message: expect.stringContaining(`pid ${process.pid}`),
    })
    expect(await query(first.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }])
  })

  it('is refused when another major version wrote it', async () => {
    const dir = temporaryFolder()
    await (await start({ dir })).stop()
    writeFileSync(join(dir, 'data', 'PG_VERSION'), '15\n')
    await expect(startPostgres({ dir })).rejects.toMatchObject({
      code: 'FOLDER_MISMATCH',
      message: expect.stringMatching(/PostgreSQL 15.*18\.4/),
    })
    rmSync(join(dir, 'data', 'PG_VERSION'))
    await expect(startPostgres({ dir })).rejects.toMatchObject({ code: 'FOLDER_MISMATCH' })
    // The refusals gave the folder free again.
    writeFileSync(join(dir, 'data', 'PG_VERSION'), '18\n')
    await start({ dir })
  })

  it('is refused without its password file', async () => {
    const dir = temporaryFolder()
    await (await start({ dir })).stop()
    rmSync(join(dir, 'superuser.json'))
    await expect(startPostgres({ dir })).rejects.toMatchObject({
      code: 'FOLDER_MISMATCH',
      message: expect.stringContaining('superuser.json'),
    })
  })

  it('is refused where none can be made', async () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    await expect(startPostgres({ dir: join(file, 'x') })).rejects.toMatchObject({
      code: 'FOLDER_UNUSABLE',
      message: expect.stringContaining(join(file, 'x')),
    })
  })
})

describe('starting', () => {
  it('says that a port is taken, and leaves nothing behind', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    cleanUps.push(() => other.close())
    const { port } = other.address() as AddressInfo
    await expect(startPostgres({ port })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(String(port)),
    })
    expect(ownThrowawayFolders()).toEqual([])
  })

  it('shows the end of the log when the server does not come up', async () => {
    await expect(startPostgres({ settings: { shared_buffers: 'plenty' } })).rejects.toMatchObject({
      code: 'POSTGRES_NOT_STARTED',
      message: expect.stringMatching(/invalid value for parameter "shared_buffers": "plenty"/),
    })
  })

  it.each([
    { port: -1 },
    { port: 1.5 },
    { port: 65_536 },
    { settings: { 'a b': 1 } },
    { host: '203.0.113.1' },
  ])('refuses %j', async (options: PostgresOptions) => {
    await expect(startPostgres(options)).rejects.toMatchObject({ code: 'BAD_OPTION' })
  })

  it('removes throwaway folders that nobody is left to clean up, and no others', async () => {
    const abandoned = mkdtempSync(join(tmpdir(), 'embedded-postgres-'))
    const fresh = mkdtempSync(join(tmpdir(), 'embedded-postgres-'))
    cleanUps.push(() => rmSync(abandoned, { recursive: true, force: true }))
    cleanUps.push(() => rmSync(fresh, { recursive: true, force: true }))
    const longAgo = new Date(Date.now() - 3_600_000)
    for (const folder of [abandoned, fresh]) {
      writeFileSync(join(folder, 'in-use-by.json'), JSON.stringify({ pid: process.pid, birth: 'long ago' }))
    }
    utimesSync(join(abandoned, 'in-use-by.json'), longAgo, longAgo)
    const first = await start()
    const firstFolder = dirname(await dataFolderOf(first))
    utimesSync(join(firstFolder, 'in-use-by.json'), longAgo, longAgo)
    await start()
    expect([abandoned, fresh, firstFolder].map((folder) => existsSync(folder))).toEqual([false, true, true])
  })

  it('shares one template between starts at the same time, and makes a damaged one anew', async () => {
    const cacheDir = temporaryFolder()
    chmodSync(cacheDir, 0o755)
    const servers = await Promise.all([start({ cacheDir }), start({ cacheDir }), start({ cacheDir })])
    expect(new Set(servers.map(({ port }) => port)).size).toBe(3)
    const [template = '', ...rest] = readdirSync(cacheDir)
    expect([template, rest]).toEqual([expect.stringMatching(/^cluster-18/), []])

    rmSync(join(cacheDir, template, 'data', 'global', 'pg_filenode.map'))
    const after = await start({ cacheDir })
    expect(await query(after.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }])
    expect(existsSync(join(cacheDir, template, 'data', 'global', 'pg_filenode.map'))).toBe(true)
  })
})
