import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createProject, type Project, run } from './ecosystem.test.kit.ts'

let project: Project
let folder: string

beforeAll(async () => {
  project = await createProject()
  folder = await mkdtemp(join(tmpdir(), 'troupe-compose-'))
})
afterAll(async () => {
  await project?.remove()
  await rm(folder, { recursive: true, force: true })
})

const psql = (user: string, sql: string) =>
  project.mustCompose(
    'exec',
    '-T',
    'postgres',
    'psql',
    '-Atc',
    sql,
    `postgres://${user}:demo-only-${user}@127.0.0.1/${user}`,
  )

describe('what may go wrong', () => {
  it('a variable that is missing is named', async () => {
    const file = join(folder, 'incomplete.env')
    const whole = await readFile('.env', 'utf8')
    await writeFile(file, whole.replace(/^POSTGRES_PASSWORD=.*$/m, ''))
    const { status, stderr } = await project.compose(['--env-file', file, 'config', '--quiet'])
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/variable POSTGRES_PASSWORD is missing a value: set it in \.env/)
  })

  it('a port that is taken is named, and another one may be given', async () => {
    const taken = createServer().listen(Number(project.env['KAFKA_PORT']), '127.0.0.1')
    await once(taken, 'listening')
    const { status, stderr } = await project.compose(['up', '--detach', 'kafka'])
    taken.close()
    expect(status).not.toBe(0)
    expect(stderr).toMatch(
      new RegExp(`127\\.0\\.0\\.1:${project.env['KAFKA_PORT']}: bind: address already in use`),
    )
  })

  it('an image that cannot be had is named', async () => {
    const { status, stderr } = await project.compose(['up', '--detach', 'kafka'], {
      env: { KAFKA_IMAGE: 'troupe.invalid/kafka:1' },
    })
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/kafka.*troupe\.invalid/s)
  })

  it('a service that there is not is named when its image is built', async () => {
    const { status, stderr } = await run('docker', ['build', '--build-arg', 'SERVICE=nowhere', '.'])
    expect(status).not.toBe(0)
    expect(stderr).toContain('There is no services/nowhere: SERVICE names a folder in services')
  })

  it('a database that a newer release has migrated is left alone, and the service says so', async () => {
    await project.mustCompose('up', '--wait', 'shipping')
    const newer = "insert into troupe.migration (number, name, checksum) values (9999, 'of tomorrow', '-')"
    await psql('shipping', newer)
    await project.mustCompose('stop', 'shipping')
    expect((await project.compose(['up', '--wait', 'shipping'])).status).not.toBe(0)
    expect(await project.mustCompose('logs', 'shipping')).toMatch(
      /The ledger in schema troupe of postgres:5432\/shipping has version 9999; this code knows version \d+\. Deploy a release/,
    )
  })

  it('a password that is no longer the right one makes up end, and the service says why', async () => {
    await project.mustCompose('up', '--wait', 'payment')
    const { status, stderr } = await project.compose(['up', '--wait', 'payment'], {
      env: { PAYMENT_PASSWORD: 'another' },
    })
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/payment-1 is unhealthy/)
    expect(await project.mustCompose('logs', 'payment')).toContain('password authentication failed for user')
  })
})
