import { getContainerRuntimeClient } from 'testcontainers'

/** Whether the engine has killed a container of this image since then, because it wanted more memory than it had. */
export async function hasBeenKilledForMemory(image: string, sinceMs: number): Promise<boolean> {
  try {
    const { container } = await getContainerRuntimeClient()
    const filters = JSON.stringify({ type: ['container'], event: ['oom'], image: [image] })
    const events = await container.dockerode.getEvents({
      since: Math.floor(sinceMs / 1_000),
      until: Date.now() / 1_000,
      filters,
    })
    let said = ''
    for await (const part of events) said += String(part)
    return said !== ''
  } catch {
    // It only explains another error, which says by itself what is wrong with the engine.
    return false
  }
}
