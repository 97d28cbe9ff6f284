import { GenericContainer, Wait } from 'testcontainers'
import type { Part } from './images.ts'
import { startPart, startupTimeoutMs } from './start-part.ts'
import type { StartedPart } from './start-real-stack.ts'

const apiPort = 8080
const healthPort = 9000

/** Apicurio Registry, which keeps what it holds in memory, and speaks Confluent's API under a path. */
export async function startRegistry(
  part: Part,
  { reuse }: { readonly reuse: boolean },
): Promise<StartedPart> {
  const started = await startPart(part, reuse, () =>
    new GenericContainer(part.image)
      .withExposedPorts(apiPort, healthPort)
      .withEnvironment({ JAVA_OPTS: '-Xms128M -Xmx384M' })
      .withWaitStrategy(Wait.forHttp('/health/ready', healthPort).forStatusCode(200))
      .withStartupTimeout(startupTimeoutMs),
  )
  return {
    address: `http://${started.getHost()}:${started.getMappedPort(apiPort)}/apis/ccompat/v7`,
    stop: async () => void (await started.stop({ timeout: 0 })),
  }
}
