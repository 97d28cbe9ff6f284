import { PostgreSqlContainer } from '@testcontainers/postgresql'
import { randomBytes } from 'node:crypto'
import type { Part, PartOptions } from './images.ts'
import { startPart, startupTimeoutMs } from './start-part.ts'
import type { StartedPart } from './start-real-stack.ts'

export interface PostgresPartOptions extends PartOptions {
  /** Whether every commit waits for the disk. Default: false, since nothing in tests has to survive a power cut. */
  readonly fsync?: boolean
}

const commandOf = (fsync: boolean) => [
  'postgres',
  ...(fsync ? [] : ['-c', 'fsync=off', '-c', 'full_page_writes=off']),
  '-c',
  'max_connections=500',
]

/** A server in which databases are made; published on the machine's addresses, so with a password of its own. */
export async function startPostgres(
  part: Part,
  { reuse, fsync = false }: { readonly reuse: boolean; readonly fsync?: boolean },
): Promise<StartedPart> {
  const started = await startPart(part, reuse, () =>
    new PostgreSqlContainer(part.image)
      .withUsername('postgres')
      .withDatabase('postgres')
      // A container is found again by all that it was made from, so that this must not change then.
      .withPassword(reuse ? 'postgres' : randomBytes(18).toString('base64url'))
      .withCommand(commandOf(fsync))
      .withStartupTimeout(startupTimeoutMs),
  )
  return {
    address: started.getConnectionUri(),
    stop: async () => void (await started.stop({ timeout: 0 })),
  }
}
