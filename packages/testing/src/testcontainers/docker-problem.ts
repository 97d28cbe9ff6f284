import { messageOf } from '@troupe/core'
import type * as Testcontainers from 'testcontainers'

/** Why containers cannot be started on this machine. */
export interface DockerProblem {
  /** One line: what is missing, and how to get it. */
  readonly message: string
  readonly cause: unknown
}

/** Looks for Testcontainers and a Docker engine; undefined if both are there. */
export async function dockerProblem(): Promise<DockerProblem | undefined> {
  let testcontainers: typeof Testcontainers
  try {
    testcontainers = await import('testcontainers')
  } catch (cause) {
    return {
      cause,
      message: `Testcontainers is not installed (${messageOf(cause).split('\n')[0]}). Add testcontainers, @testcontainers/kafka and @testcontainers/postgresql to your development dependencies.`,
    }
  }
  try {
    const client = await testcontainers.getContainerRuntimeClient()
    await client.container.dockerode.ping()
    return undefined
  } catch (cause) {
    const { DOCKER_HOST: host } = process.env
    const where = host ? `at DOCKER_HOST=${host}` : 'on this machine'
    return {
      cause,
      message: `No Docker engine answers ${where} (${messageOf(cause).split('\n')[0]}). Start Docker, or set DOCKER_HOST to an engine that runs; without one, tests run on the embedded stack (TROUPE_STACK=embedded).`,
    }
  }
}
