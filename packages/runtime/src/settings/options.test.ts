// What whoever writes plain JavaScript, or `as any`, meets: the types refuse all of this.
import { describe, expect, it } from '@jest/globals'
import { isTroupeError, service } from '@troupe/core'
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
