import { randomUUID } from 'node:crypto'
import { freePort } from '@troupe/embedded'
import { docker, type DockerOptions } from './docker.ts'

/** A compose project of a benchmark's own: containers, volumes, networks, images and ports are nobody else's. */
export interface ComposeProject {
  readonly name: string
  /** `docker compose …` for it; resolves to stdout. */
  compose(words: readonly string[], options?: DockerOptions): Promise<string>
  /** Containers and volumes, not the images. */
  down(): Promise<void>
  /** Everything, whatever was asked to stop. */
  remove(): Promise<void>
}

const ports = ['ORDER_PORT', 'KAFKA_PORT', 'REGISTRY_PORT', 'POSTGRES_PORT']

export async function createComposeProject(signal: AbortSignal): Promise<ComposeProject> {
  const name = `troupe-bench-${randomUUID().slice(0, 8)}`
  const free = await Promise.all(ports.map(freePort))
  const own = Object.fromEntries(ports.map((port, at) => [port, String(free[at])]))
  const run = (words: readonly string[], { environment, ...options }: DockerOptions = {}) =>
    docker(['compose', '--project-name', name, ...words], {
      ...options,
      environment: { ...own, ...environment },
    })
  const away = ['--profile', '*', 'down', '--volumes', '--timeout', '5']
  return {
    name,
    compose: (words, options) => run(words, { signal, ...options }),
    down: async () => void (await run(away, { signal })),
    async remove() {
      await run(away)
      // Not those alone that have their names still: a second build takes them from the first one's.
      const label = `label=com.docker.compose.project=${name}`
      const images = await docker(['image', 'ls', '--all', '--quiet', '--filter', label])
      const ids = [...new Set(images.split('\n').filter((id) => id !== ''))]
      if (ids.length > 0) await docker(['image', 'rm', '--force', ...ids])
    },
  }
}
