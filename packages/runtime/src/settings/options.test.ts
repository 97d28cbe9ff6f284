// What whoever writes plain JavaScript, or `as any`, meets: the types refuse all of this.
import { describe, expect, it } from '@jest/globals'
import { isTroupeError, service } from '@troupe/core'
import { environment, type Settings } from './environment.ts'
import { createService } from '../service/create-service.ts'
import { run } from '../service/run.ts'

const quiet = service({ name: 'quiet', reactions: {} })
const log = { debug() {}, info() {}, warn() {}, error() {} }

async function refusal(refused: () => unknown): Promise<string> {
  try {
    await refused()
  } catch (error) {
    if (isTroupeError(error, 'TROUPE_DECLARATION_INVALID')) return error.message
    throw error
  }
  throw new Error('Nothing was refused.')
}

const create = createService as (...given: readonly unknown[]) => unknown
const runs = run as (...given: readonly unknown[]) => Promise<unknown>

const read = environment({
  KAFKA_BROKERS: 'localhost:9092',
  SCHEMA_REGISTRY_URL: 'http://localhost:8081',
  DATABASE_URL: 'postgres://a:b@localhost/a',
})
const settings = 'settings' in read ? read.settings : undefined
const of = '` of the settings object of `createService` is '

describe('a setting that a program hands over itself', () => {
  it('is taken as `environment` returns it', async () => {
    const running = createService(quiet, settings as Settings, { log })
    expect(running.state).toBe('new')
    await running.stop()
  })

  it.each<[string, object, string]>([
    ['is misspelt', { stopTimeoutMS: 5 }, 'has no "stopTimeoutMS". `stopTimeoutMs` is meant'],
    [
      'nobody knows',
      { colour: 'red' },
      'The settings object of `createService` has no "colour". Use kafkaBrokers,',
    ],
    [
      'is a text for a number',
      { stopTimeoutMs: '5s' },
      `\`stopTimeoutMs${of}"5s". Use a whole number from 0`,
    ],
    ['is a number for a switch', { checksPurity: 1 }, `\`checksPurity${of}1. Use true or false.`],
    ['is one text for a list', { kafkaBrokers: 'a:1' }, `\`kafkaBrokers${of}"a:1". Give it a list`],
    ['has another kind of text in its list', { kafkaBrokers: [1] }, `\`kafkaBrokers[0]${of}1. Use a text.`],
    ['is none of the names that it may be', { topics: 'make' }, `\`topics${of}"make". Use create or check.`],
    [
      'is missing',
      { databaseUrl: undefined },
      '`databaseUrl` of the settings object of `createService` is undefined',
    ],
    ['has a misspelt field', { retry: { attempt: 1 } }, 'has no "retry.attempt". `retry.attempts` is meant'],
    ['has a field of another kind', { http: { host: 'a', port: '80' } }, `\`http.port${of}"80". Use a whole`],
    ['has a deadline that is none', { deadlinesMs: { Late: '1' } }, `\`deadlinesMs.Late${of}"1".`],
  ])('is refused by name where it %s', async (_what, change, message) => {
    expect(await refusal(() => create(quiet, { ...settings, ...change }, { log }))).toContain(message)
  })

  it('is never shown where it is a secret', async () => {
    const admin = { host: '127.0.0.1', port: 0, token: 4711 }
    const said = await refusal(() => create(quiet, { ...settings, admin }, { log }))
    expect(said).toContain('`admin.token` of the settings object of `createService` is number, no text.')
    expect(said).not.toContain('4711')
  })
})

describe('what a service is started with', () => {
  it.each<[string, () => unknown, string]>([
    ['no service', () => create(null, {}, { log }), '`createService` is given null as its service.'],
    [
      'no service',
      () => runs({ name: 'a' }, {}),
      '`run` is given an object as its service. Give it what `service`',
    ],
    [
      'an environment that was not asked for',
      () => runs(quiet, () => {}),
      '`run` is given a function as its environment. Give it what `environment()` returns.',
    ],
    [
      'no options',
      () => create(quiet, {}),
      'The last argument of `createService` is undefined. Use an object of log',
    ],
    ['no log', () => create(quiet, {}, {}), '`log` of `createService` is undefined. Give it a log'],
    ['half a log', () => create(quiet, {}, { log: { info() {} } }), '`log` of `createService` is an object.'],
    [
      'routes that are none',
      () => create(quiet, {}, { log, routes: [] }),
      '`routes` of `createService` is an empty list.',
    ],
    [
      'tracing that is none',
      () => runs(quiet, { problems: [] }, { tracing: true }),
      '`tracing` of `run` is true. Give it a function',
    ],
    [
      'a misspelt option',
      () => runs(quiet, { problems: [] }, { route() {} }),
      '`run` has no "route". `routes` is meant',
    ],
  ])('is refused if it is %s', async (_what, start, message) => {
    expect(await refusal(start)).toContain(message)
  })
})
