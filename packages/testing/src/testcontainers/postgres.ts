import { PostgreSqlContainer } from '@testcontainers/postgresql'
import { randomBytes } from 'node:crypto'
import type { Part } from './images.ts'
import { startPart } from './start-part.ts'
import type { StartedPart } from './start-real-stack.ts'

/** As the embedded one in tests: nothing here has to survive a power cut. */
const command = ['postgres', '-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_connections=500']

/** A server in which databases are made; published on the machine's addresses, so with a password of its own. */
export async function startPostgres(
  part: Part,
  { reuse }: { readonly reuse: boolean },
): Promise<StartedPart> {
  const started = await startPart(part, reuse, () =>
    new PostgreSqlContainer(part.image)
      .withUsername('postgres')
      .withDatabase('postgres')
      // A container is found again by all that it was made from, so that this must not change then.
      .withPassword(reuse ? 'postgres' : randomBytes(18).toString('base64url'))
      .withCommand(command),
  )
  return {
    address: started.getConnectionUri(),
    stop: async () => void (await started.stop({ timeout: 0 })),
  }
}
