// What happens to a server when the process that started it does not stop it. Real processes, so it
// runs what was built: `dist` must be there.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { Client } from 'pg'
import { isAlive } from '../stack/process-identity.ts'
import { startPostgres } from './start.ts'

const built = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

/** Starts a server, says where, and then does what a test asks for, a line at a time. */
const script = `
  import { startPostgres } from ${JSON.stringify(`file://${built}`)}
  import { Client } from 'pg'
  const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n')
  try {
    const log = (level, message) => say({ log: message })
    const postgres = await startPostgres({ ...JSON.parse(process.argv[1]), log })
    const client = new Client({ connectionString: postgres.url })
    client.on('error', () => {})
    await client.connect()
    const { rows } = await client.query('SHOW data_directory')
    process.on('SIGINT', async () => {
      // What a service does on Ctrl-C: it needs its database for a while yet.
      for (let n = 0; n < 20; n += 1) await client.query('SELECT pg_sleep(0.01)')
      say({ drained: true })
      await client.end()
      await postgres.stop()
      process.exit(0)
    })
    process.stdin.on('data', async (line) => {
      if (String(line).startsWith('exit')) process.exit(3)
    })
    // Last: from here on the test may do to this process what it likes.
    say({ pid: postgres.pid, data: rows[0].data_directory, url: postgres.url })
  } catch (error) {
    say({ code: error.code, message: error.message })
  }
`

interface Parent {
  process: ChildProcess
  /** The next line it says that has this property. */
  next(property: string): Promise<Record<string, unknown>>
}

const cleanUps: (() => unknown)[] = []
beforeAll(() => {
  if (!existsSync(built))
    throw new Error(`${built} is missing. Build the package first: npx tsc -b packages/embedded`)
})
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'crash-test-'))
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function startParent(options: { dir?: string; fsync?: boolean }): Parent {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, JSON.stringify(options)], {
    // A group of its own, as a shell gives a command.
    detached: true,
    cwd: dirname(dirname(dirname(fileURLToPath(import.meta.url)))),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines: Interface = createInterface({ input: child.stdout })
  const said = lines[Symbol.asyncIterator]()
  cleanUps.push(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    lines.close()
  })
  return {
    process: child,
    async next(property) {
      for (;;) {
        const { value, done } = await said.next()
        if (done) throw new Error(`the process ended before it said ${property}`)
        const parsed = JSON.parse(value) as Record<string, unknown>
        if (property in parsed) return parsed
      }
    },
  }
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`still not so after 60 s: ${what}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
}

async function kill({ process: child }: Parent): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

async function insert(url: string, from: number, to: number): Promise<void> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  await client.query('CREATE TABLE IF NOT EXISTS acknowledged (n int)')
  for (let n = from; n < to; n += 1) await client.query('INSERT INTO acknowledged VALUES ($1)', [n])
  await client.end()
}

async function count(url: string): Promise<number> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM acknowledged')
    return rows[0]?.n ?? 0
  } finally {
    await client.end()
  }
}

describe('a server whose parent', () => {
  it.each([
    ['is killed', (parent: Parent) => parent.process.kill('SIGKILL')],
    ['exits without stopping it', (parent: Parent) => parent.process.stdin?.write('exit\n')],
    ['dies of a signal it does not handle', (parent: Parent) => parent.process.kill('SIGTERM')],
  ])('%s: ends, and its throwaway folder with it', async (_, end) => {
    const parent = startParent({ fsync: false })
    const { pid, data } = await parent.next('pid')
    expect(isAlive(Number(pid))).toBe(true)
    end(parent)
    await once(parent.process, 'exit')
    await until(() => !isAlive(Number(pid)), 'the postmaster is gone')
    await until(() => !existsSync(dirname(String(data))), 'the folder is gone')
  })

  it('gets a Ctrl-C: answers while the parent drains, and is stopped by it', async () => {
    const parent = startParent({ fsync: false })
    const { pid, data } = await parent.next('pid')
    process.kill(-(parent.process.pid ?? 0), 'SIGINT')
    expect(await parent.next('drained')).toEqual({ drained: true })
    const [code] = (await once(parent.process, 'exit')) as [number]
    expect(code).toBe(0)
    // No waiting here: an orderly stop leaves nothing for anybody to clean up later.
    expect(isAlive(Number(pid))).toBe(false)
    expect(existsSync(dirname(String(data)))).toBe(false)
  })
})

describe('a kept folder whose process was killed', () => {
  it('has every acknowledged row after the next start', async () => {
    const dir = temporaryFolder()
    for (const round of [0, 1]) {
      const parent = startParent({ dir })
      const { pid, url } = await parent.next('pid')
      await insert(String(url), round * 50, round * 50 + 50)
      await kill(parent)
      await until(() => !isAlive(Number(pid)), 'the postmaster is gone')
      // Shut down in order, not cut off: the next start has nothing to recover.
      expect(readFileSync(join(dir, 'server.log'), 'utf8')).toContain('received fast shutdown request')
    }
    const postgres = await startPostgres({ dir })
    cleanUps.push(() => postgres.stop())
    expect(await count(postgres.url)).toBe(100)
  })

  it('is taken over from a server that lives on because its watchdog was killed too', async () => {
    const dir = temporaryFolder()
    const parent = startParent({ dir })
    const { pid, url } = await parent.next('pid')
    await insert(String(url), 0, 50)
    // Nobody is left to end it if this test fails.
    cleanUps.push(() => isAlive(Number(pid)) && process.kill(Number(pid), 'SIGQUIT'))
    for (const watchdog of await watchdogsOf(dir)) process.kill(watchdog, 'SIGKILL')
    await kill(parent)
    expect(isAlive(Number(pid))).toBe(true)

    const said: string[] = []
    const postgres = await startPostgres({ dir, log: (_, message) => said.push(message) })
    cleanUps.push(() => postgres.stop())
    expect(isAlive(Number(pid))).toBe(false)
    expect(said).toEqual([expect.stringContaining(`process ${String(pid)}`)])
    expect(await count(postgres.url)).toBe(50)
  })

  it('is refused to a second process with the first one’s pid, as long as that one lives', async () => {
    const dir = temporaryFolder()
    const first = startParent({ dir })
    const { url } = await first.next('pid')
    const second = startParent({ dir })
    expect(await second.next('code')).toEqual({
      code: 'FOLDER_IN_USE',
      message: expect.stringMatching(new RegExp(`${dir} is in use by process ${first.process.pid}\\.`)),
    })
    await insert(String(url), 0, 1)
    await kill(first)
    const third = startParent({ dir })
    expect(await count(String((await third.next('pid'))['url']))).toBe(1)
    third.process.kill('SIGINT')
    await once(third.process, 'exit')
  })
})

/** Processes whose command line names the watchdog and this folder. */
async function watchdogsOf(dir: string): Promise<number[]> {
  const child = spawn('ps', ['-eo', 'pid=,args='], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  await once(child, 'close')
  const found = text
    .split('\n')
    .filter((line) => line.includes('embedded-postgres-watchdog') && line.includes(dir))
  expect(found.length).toBeGreaterThan(0)
  return found.map((line) => Number.parseInt(line, 10))
}
