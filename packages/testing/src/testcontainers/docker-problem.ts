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
  const { DOCKER_HOST: host } = process.env
  try {
    const client = await testcontainers.getContainerRuntimeClient()
    await client.container.dockerode.ping()
    const { socketPath } = client.container.dockerode.modem as { readonly socketPath?: string }
    if (host && isFallback(host, socketPath)) throw new Error(`another one does, at ${socketPath}`)
    return undefined
  } catch (cause) {
    const where = host ? `at DOCKER_HOST=${host}` : 'on this machine'
    return {
      cause,
      message: `No Docker engine answers ${where} (${messageOf(cause).split('\n')[0]}). Start Docker, or set DOCKER_HOST to an engine that runs; without one, tests run on the embedded stack (TROUPE_STACK=embedded).`,
    }
  }
}

/**
 * Whether Testcontainers has gone to an engine that nobody named: where `DOCKER_HOST` does not answer, it tries
 * the sockets that it knows, and says nothing. What else it goes to before them (`tc.host`) was asked for.
 */
export function isFallback(dockerHost: string, socketPath: string | undefined): boolean {
  if (!socketPath) return false
  const { protocol, pathname } = new URL(dockerHost)
  return !['unix:', 'npipe:'].includes(protocol) || pathname !== socketPath
}
