import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { EventTestHarness } from '../harness.ts'
import { startRealStack } from './start-real-stack.ts'

describe('without a Docker engine', () => {
  const { DOCKER_HOST: before } = process.env
  beforeEach(() => {
    process.env.DOCKER_HOST = 'tcp://127.0.0.1:1'
  })
  afterEach(() => {
    if (before === undefined) delete process.env.DOCKER_HOST
    else process.env.DOCKER_HOST = before
  })

  it('a start says where it looked, and what else can be done', async () => {
    await expect(startRealStack()).rejects.toMatchObject({
      code: 'TROUPE_STACK_UNAVAILABLE',
      message: expect.stringMatching(
        /^No Docker engine answers at DOCKER_HOST=tcp:\/\/127\.0\.0\.1:1 \(.*\)\. Start Docker, or set DOCKER_HOST .*TROUPE_STACK=embedded/,
      ),
    })
  })

  it('a harness that asks for containers says the same', async () => {
    await expect(EventTestHarness.start({ services: [], stack: 'testcontainers' })).rejects.toThrow(
      /^No Docker engine answers/,
    )
  })
})
