import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createProject, lines, type PlayReport, type Project, run, services } from './ecosystem.test.kit.ts'

let project: Project

beforeAll(async () => {
  project = await createProject()
  await project.up()
})
afterAll(() => project?.remove())

const read = (file: string) => readFile(new URL(`../${file}`, import.meta.url), 'utf8')

async function psql(user: string, database: string, sql: string) {
  const url = `postgres://${user}:demo-only-${user}@127.0.0.1/${database}`
  return project.compose(['exec', '-T', 'postgres', 'psql', '-Atc', sql, url])
}

describe('docker compose up', () => {
  it('leaves everything healthy', async () => {
    const all = lines(await project.mustCompose('ps', '--all', '--format', '{{.Service}} {{.Health}}'))
    expect([...all].sort()).toEqual([
      'gateway healthy',
      'inventory healthy',
      'kafka healthy',
      'order healthy',
      'payment healthy',
      'postgres healthy',
      'registry healthy',
      'shipping healthy',
    ])
  })

  it('publishes ports on the loopback interface only', async () => {
    const all = lines(await project.mustCompose('ps', '--format', '{{.Ports}}')).join(', ')
    const published = all.split(', ').filter((port) => port.includes('->'))
    expect(published).toHaveLength(12)
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:/)
  })

  it.each(services)('runs %s without root, on a file system that cannot be written', async (service) => {
    expect(await project.mustCompose('exec', '-T', service, 'id', '-un')).toBe('node\n')
    const { status, stderr } = await project.compose(['exec', '-T', service, 'touch', '/app/new', '/tmp/new'])
    expect(status).not.toBe(0)
    expect(stderr.match(/Read-only file system/g)).toHaveLength(2)
  })

  it.each(services)('keeps what %s remembers from all other services', async (service) => {
    expect((await psql(service, service, 'select count(*) from troupe.document')).status).toBe(0)
    for (const other of [...services, 'registry', 'postgres'].filter((name) => name !== service)) {
      const { status, stderr } = await psql(service, other, 'select 1')
      expect(stderr).toContain(`permission denied for database "${other}"`)
      expect(status).not.toBe(0)
    }
  })

  it('plays the stories', async () => {
    const report = await project.mustCompose('--profile', 'play', 'run', '--rm', '-T', 'play', '--json')
    expect(JSON.parse(report) as PlayReport).toMatchObject({ ok: true, troubles: [], balance: { ok: true } })
  })

  it.each(services)('measures in %s what alerts and the dashboard ask for', async (service) => {
    const ask = "fetch('http://127.0.0.1:8080/metrics').then((r) => r.text()).then(console.log)"
    const metrics = await project.mustCompose('exec', '-T', service, 'node', '-e', ask)
    const asked = await Promise.all(
      ['prometheus/troupe.rules.yml', 'grafana/dashboards/troupe.json'].map(read),
    )
    const names = new Set(asked.join('').match(/\b(?:troupe|kafka)_[a-z_]+[a-z]\b/g))
    expect(names.size).toBeGreaterThan(5)
    // What has labels has no line of its own before there is something to tell.
    for (const name of names) expect(metrics).toMatch(new RegExp(`^(# TYPE )?${name}\\b`, 'm'))
  })

  it('makes topics as the services declare them, and only checks them where it is told to', async () => {
    const at = ['--bootstrap-server', 'kafka:19092']
    const kafka = (tool: string, ...args: readonly string[]) =>
      project.mustCompose('exec', '-T', 'kafka', `/opt/kafka/bin/kafka-${tool}.sh`, ...at, ...args)
    const ofOrder = ['--topic', 'order.events']
    const described = await kafka('topics', '--describe', ...ofOrder)
    expect(described).toMatch(/PartitionCount: 3\b.*retention\.ms=-1/)
    const check = { env: { TOPICS: 'check' } }
    expect((await project.compose(['up', '--wait', ...services], check)).status).toBe(0)

    const change = ['--alter', '--entity-type', 'topics', '--entity-name', 'order.events', '--add-config']
    await kafka('configs', ...change, 'retention.ms=60000')
    await project.mustCompose('stop', 'order')
    expect((await project.compose(['up', '--wait', 'order'], check)).status).not.toBe(0)
    expect(await project.mustCompose('logs', 'order')).toContain(
      'order.events has retention.ms 60000, not -1',
    )
    await kafka('configs', ...change, 'retention.ms=-1')
    await project.mustCompose('up', '--wait')
  })

  it('shares partitions among three instances, and doubles nothing when one of them is killed', async () => {
    await project.mustCompose('up', '--wait', '--scale', 'payment=3')
    const report = await project.playOrders(600, async () => {
      const [, second = ''] = await project.containersOf('payment')
      await run('docker', ['kill', '--signal', 'KILL', second])
    })
    expect(report).toMatchObject({
      ok: true,
      load: { count: 600, problems: [] },
      balance: { ok: true },
      troubles: [],
    })
    expect(await project.containersOf('payment')).toHaveLength(2)
  })

  it('stops a service gracefully, well within its grace', async () => {
    const [id = ''] = await project.containersOf('shipping')
    await project.mustCompose('stop', 'shipping')
    const { stdout } = await run('docker', ['inspect', '--format', '{{.State.ExitCode}}', id])
    expect(stdout.trim()).toBe('0')
    expect(await project.mustCompose('logs', 'shipping')).toContain('shipping has stopped')
  })

  it('goes on where it was after down and up', async () => {
    await project.mustCompose('down')
    await project.mustCompose('up', '--wait')
    const report = await project.mustCompose('--profile', 'play', 'run', '--rm', '-T', 'play', '--json')
    expect(JSON.parse(report) as PlayReport).toMatchObject({ ok: true, troubles: [], balance: { ok: true } })
  })

  it('shows and discards with its admin API what a service has set aside, and asks for the token', async () => {
    const kafka = ['exec', '-T', 'kafka', 'sh', '-c']
    const produce = 'kafka-console-producer.sh --bootstrap-server kafka:19092 --topic payment.events'
    await project.mustCompose(...kafka, `echo 'no event' | /opt/kafka/bin/${produce}`)
    const address = (await project.mustCompose('port', 'order', '9090')).trim()
    expect(address).toMatch(/^127\.0\.0\.1:/)
    const dlq = (args: readonly string[], token = 'demo-only-admin-token') =>
      run('node', ['packages/cli/bin/troupe.js', 'dlq', ...args, '--admin', `http://${address}`], {
        env: { TROUPE_ADMIN_TOKEN: token },
      })
    const letters = async () => JSON.parse((await dlq(['list', '--json'])).stdout) as readonly object[]
    const giveUpMs = Date.now() + 60_000
    while ((await letters()).length === 0 && Date.now() < giveUpMs);
    expect(await letters()).toEqual([expect.objectContaining({ topic: 'payment.events', state: 'open' })])
    expect((await dlq(['groups'])).stdout).toMatch(/^1 +unreadable-/m)
    expect((await dlq(['discard', '--all', '--reason', 'a test'])).status).toBe(0)
    expect(await letters()).toEqual([])
    expect((await dlq(['list'], 'demo-only-other-token')).stderr).toContain('asks for another token')
  })

  it('leaves nothing after down -v', async () => {
    expect(await project.remove()).toBe('')
  })
})
