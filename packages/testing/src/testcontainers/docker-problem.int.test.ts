import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { EventTestHarness } from '../harness.ts'
import { isFallback } from './docker-problem.ts'
import { startRealStack } from './start-real-stack.ts'

// Whatever other engine there is: Testcontainers would take that one.
describe.each(['tcp://127.0.0.1:1', 'unix:///nowhere/docker.sock'])(
  'without a Docker engine at %s',
  (host) => {
    const { DOCKER_HOST: before } = process.env
    beforeEach(() => {
      process.env.DOCKER_HOST = host
    })
    afterEach(() => {
      if (before === undefined) delete process.env.DOCKER_HOST
      else process.env.DOCKER_HOST = before
    })

    it('a start says where it looked, and what else can be done', async () => {
      await expect(startRealStack()).rejects.toMatchObject({
        code: 'TROUPE_STACK_UNAVAILABLE',
        message: expect.stringMatching(
          /^No Docker engine answers at DOCKER_HOST=\S+ \(.*\)\. Start Docker, or set DOCKER_HOST .*TROUPE_STACK=embedded/,
        ),
      })
      await expect(startRealStack()).rejects.toThrow(`at DOCKER_HOST=${host} (`)
    })

    it('a harness that asks for containers says the same', async () => {
      await expect(EventTestHarness.start({ services: [], stack: 'testcontainers' })).rejects.toThrow(
        /^No Docker engine answers/,
      )
    })
  },
)

it.each([
  ['unix:///var/run/docker.sock', '/var/run/docker.sock', false],
  ['unix:///nowhere.sock', '/var/run/docker.sock', true],
  ['tcp://10.0.0.1:2375', '/var/run/docker.sock', true],
  ['tcp://10.0.0.1:2375', undefined, false],
])(
  'DOCKER_HOST=%s and an engine that answers at %s: nobody asked for that one: %s',
  (host, socketPath, is) => {
    expect(isFallback(host, socketPath)).toBe(is)
  },
)
