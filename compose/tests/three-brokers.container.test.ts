import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createProject, lines, type Project, run } from './ecosystem.test.kit.ts'

let project: Project

beforeAll(async () => {
  project = await createProject(['docker-compose.yml', 'compose/three-brokers.yml'])
  await project.up()
})
afterAll(() => project?.remove())

describe('three brokers', () => {
  it('keep every event on all three, acknowledged when two have it', async () => {
    const kafkaTopics = ['/opt/kafka/bin/kafka-topics.sh', '--bootstrap-server', 'kafka:19092', '--describe']
    const described = await project.mustCompose(
      'exec',
      '-T',
      'kafka',
      ...kafkaTopics,
      '--topic',
      'order.events',
    )
    expect(described).toMatch(/ReplicationFactor: 3\b.*min\.insync\.replicas=2/)
  })

  it('lose nothing and double nothing when one of them is killed under load', async () => {
    const report = await project.playOrders(600, async () => {
      const [id = ''] = await project.containersOf('kafka-2')
      await run('docker', ['kill', '--signal', 'KILL', id])
    })
    expect(report).toMatchObject({
      ok: true,
      load: { count: 600, problems: [] },
      balance: { ok: true },
      troubles: [],
    })
    const running = lines(await project.mustCompose('ps', '--format', '{{.Service}}'))
    expect(running).toContain('kafka')
    expect(running).not.toContain('kafka-2')
  })
})
