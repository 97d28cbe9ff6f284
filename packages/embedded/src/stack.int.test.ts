import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import { Kafka, logLevel } from 'kafkajs'
import { Client } from 'pg'
import { isAlive } from './stack/process-identity.ts'
import { startStack, type EmbeddedStack, type StackOptions } from './stack.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

async function start(options: StackOptions = {}): Promise<EmbeddedStack> {
  const stack = await startStack({ postgres: { fsync: false }, ...options })
  cleanUps.push(() => stack.stop())
  return stack
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stack-test-'))
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function topicsOf({ kafka }: EmbeddedStack): Promise<string[]> {
  const admin = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await admin.listTopics()
  } finally {
    await admin.disconnect()
  }
}

async function answersOf(stack: EmbeddedStack): Promise<unknown[]> {
  const client = new Client({ connectionString: stack.postgres.url })
  await client.connect()
  const { rows } = await client.query('SELECT 1 AS one')
  await client.end()
  const subjects: unknown = await (await fetch(`${stack.registry.url}/subjects`)).json()
  return [rows, subjects, await topicsOf(stack)]
}

/** Whether something accepts connections there. */
async function isListening(port: number): Promise<boolean> {
  const probe = createServer()
  try {
    probe.listen(port, '127.0.0.1')
    await once(probe, 'listening')
    return false
  } catch {
    return true
  } finally {
    probe.close()
  }
}

describe('a stack', () => {
  it('answers on Kafka, registry and PostgreSQL, and says how long they took', async () => {
    const stack = await start()
    expect(await answersOf(stack)).toEqual([[{ one: 1 }], [], []])
    const { kafkaMs, registryMs, postgresMs, totalMs } = stack.timings
    expect(Math.max(kafkaMs, registryMs, postgresMs)).toBeLessThanOrEqual(totalMs)
  })

  it('lives beside another one', async () => {
    const stacks = await Promise.all([start(), start()])
    const ports = stacks.flatMap(({ kafka, registry, postgres }) => [
      kafka.port,
      registry.port,
      postgres.port,
    ])
    expect(new Set(ports).size).toBe(6)
  })

  it('stops all of it, once', async () => {
    const stack = await start()
    const ports = [stack.kafka.port, stack.registry.port, stack.postgres.port]
    expect(await Promise.all(ports.map(isListening))).toEqual([true, true, true])
    await Promise.all([stack.stop(), stack.stop()])
    expect(await Promise.all(ports.map(isListening))).toEqual([false, false, false])
    expect(isAlive(stack.postgres.pid)).toBe(false)
    const stillPending = Symbol('pending')
    expect(await Promise.race([stack.failed, Promise.resolve(stillPending)])).toBe(stillPending)
  })

  it('stops what has started when a part cannot start', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    cleanUps.push(() => taken.close())
    const { port } = taken.address() as AddressInfo
    const dir = temporaryFolder()
    const failing = startStack({ dir, registry: { port }, postgres: { fsync: false } })
    await expect(failing).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(String(port)),
    })
    expect(existsSync(join(dir, 'postgres', 'data', 'PG_VERSION'))).toBe(true)
    expect(existsSync(join(dir, 'postgres', 'data', 'postmaster.pid'))).toBe(false)
    // The folder is free again, too.
    await start({ dir })
  })

  it('says so when PostgreSQL ends by itself', async () => {
    const said: string[] = []
    const stack = await start({ log: (level, message) => said.push(`${level}: ${message}`) })
    process.kill(stack.postgres.pid, 'SIGQUIT')
    expect(await stack.failed).toContain(`process ${stack.postgres.pid}`)
    expect(said).toEqual([expect.stringMatching(/^error: PostgreSQL/)])
  })
})

describe('a stack in a folder', () => {
  it('has what it had, after a restart', async () => {
    const dir = temporaryFolder()
    const before = await start({ dir })
    const schema = JSON.stringify({ schema: '"string"' })
    const headers = { 'content-type': 'application/json' }
    await fetch(`${before.registry.url}/subjects/s/versions`, { method: 'POST', headers, body: schema })
    const client = new Client({ connectionString: await before.postgres.createDatabase({ name: 'shop' }) })
    await client.connect()
    await client.query('CREATE TABLE t ()')
    await client.end()
    before.kafka.createTopic('orders', 3)
    await before.stop()
    expect(readdirSync(dir).toSorted()).toEqual(['kafka', 'postgres', 'registry'])

    const after = await start({ dir })
    const [, subjects, topics] = await answersOf(after)
    expect(subjects).toEqual(['s'])
    expect(topics).toEqual(['orders'])
    const again = new Client({ connectionString: await after.postgres.createDatabase({ name: 'shop' }) })
    await again.connect()
    expect((await again.query('SELECT * FROM t')).rows).toEqual([])
    await again.end()
  })

  it('failure 40: is refused to a second stack with the first one’s pid', async () => {
    const dir = temporaryFolder()
    const first = await start({ dir })
    await expect(startStack({ dir })).rejects.toMatchObject({
      code: 'FOLDER_IN_USE',
      message: `${dir} is in use by this process (pid ${process.pid}). Stop that one first, or choose another folder.`,
    })
    expect(await answersOf(first)).toEqual([[{ one: 1 }], [], []])
  })
})
