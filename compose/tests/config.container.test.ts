// What docker compose itself makes of the files, in every combination that the docs name. Starts nothing.
import { describe, expect, it } from '@jest/globals'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)
const compose = (words: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
  run('docker', ['compose', ...words], { cwd: root, env: { ...process.env, ...environment } })

const services = ['gateway', 'inventory', 'kafka', 'order', 'payment', 'postgres', 'registry', 'shipping']
const main = ['-f', 'docker-compose.yml']
const threeBrokers = [...main, '-f', 'compose/three-brokers.yml']
const tracing = [...main, '-f', 'compose/tracing.yml']

describe('docker compose', () => {
  it.each([
    ['alone', main, []],
    ['and play', [...main, '--profile', 'play'], ['play']],
    ['and tools', [...main, '--profile', 'tools'], ['kafka-ui']],
    ['and observability', [...main, '--profile', 'observability'], ['grafana', 'jaeger', 'prometheus']],
    ['with tracing', [...tracing, '--profile', 'observability'], ['grafana', 'jaeger', 'prometheus']],
    ['on three brokers', threeBrokers, ['kafka-2', 'kafka-3']],
    [
      'on three brokers, with tracing',
      [...threeBrokers, '-f', 'compose/tracing.yml'],
      ['kafka-2', 'kafka-3'],
    ],
    ['on three brokers, and play', [...threeBrokers, '--profile', 'play'], ['kafka-2', 'kafka-3', 'play']],
  ])('takes its files %s', async (_how, words, others) => {
    await compose([...words, 'config', '--quiet'])
    const { stdout } = await compose([...words, 'config', '--services'])
    expect(stdout.trim().split('\n').toSorted()).toEqual([...services, ...others].toSorted())
  })

  it('names the engine where that does not answer', async () => {
    const host = 'unix:///nowhere/docker.sock'
    await expect(compose([...main, 'up', '--wait'], { DOCKER_HOST: host })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining(host),
    })
  })
})
