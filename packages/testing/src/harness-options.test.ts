// What whoever writes plain JavaScript, or `as any`, meets: nothing is started for it.
import { describe, expect, it } from '@jest/globals'
import { EventTestHarness } from './harness.ts'
import { startRealStack } from './testcontainers/start-real-stack.ts'

const start = EventTestHarness.start as (options: unknown) => Promise<unknown>

describe('an option of a harness', () => {
  it.each<[string, unknown, string]>([
    ['is misspelt', { services: [], partition: 1 }, 'has no "partition". `partitions` is meant'],
    ['is of another kind', { services: [], timeoutMs: '5s' }, '`timeoutMs` of the options object of'],
    ['is missing', {}, '`services` of the options object of `EventTestHarness.start` is undefined.'],
    ['is no object at all', undefined, 'is undefined. Use an object of services,'],
  ])('is refused by name where it %s', async (_what, options, message) => {
    await expect(start(options)).rejects.toMatchObject({
      code: 'TROUPE_DECLARATION_INVALID',
      message: expect.stringContaining(message),
    })
  })
})

const startReal = startRealStack as (options: unknown) => Promise<unknown>

describe('an option of a stack in containers', () => {
  it.each<[string, unknown, string]>([
    ['is misspelt', { postgress: {} }, 'has no "postgress". `postgres` is meant'],
    ['is misspelt in a part', { kafka: { img: 'x' } }, '`startRealStack` has no "kafka.img". Use image.'],
    ['is of another kind', { postgres: { fsync: 'yes' } }, '`postgres.fsync` of the options object of'],
  ])('is refused by name where it %s, with an engine or without', async (_what, options, message) => {
    await expect(startReal(options)).rejects.toMatchObject({
      code: 'TROUPE_DECLARATION_INVALID',
      message: expect.stringContaining(message),
    })
  })
})
