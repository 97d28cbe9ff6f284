import { getContainerRuntimeClient } from 'testcontainers'

/**
 * Hands over what the container with this label wrote, if it has ended. Testcontainers begins to listen when the
 * ports are bound, which they never are where a container gave up before it was looked at.
 */
export async function logOfEnded(label: string, keep: (chunk: string) => void): Promise<void> {
  try {
    const { container } = await getContainerRuntimeClient()
    const [found] = await container.dockerode.listContainers({ all: true, filters: { label: [label] } })
    if (found?.State !== 'exited') return
    // It is followed to its end, which is there.
    for await (const chunk of await container.logs(container.getById(found.Id))) keep(String(chunk))
  } catch {
    // It only explains another error, which says by itself what is wrong with the engine.
  }
}
