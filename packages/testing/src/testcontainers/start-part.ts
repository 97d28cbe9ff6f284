import { messageOf, TroupeError } from '@troupe/core'
import { getContainerRuntimeClient, type GenericContainer, type StartedTestContainer } from 'testcontainers'
import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Part } from './images.ts'
import { hasBeenKilledForMemory } from './killed-for-memory.ts'
import { logOfEnded } from './log-of-ended.ts'

/** Of containers that nobody ends: by it a person finds and removes them. */
export const reusedLabel = 'troupe.reused'
/** Tells one start from all others. */
const startLabel = 'troupe.start'
const linesMax = 20
/** What Testcontainers allows by itself, a minute, is too little for Java on a machine that is busy. */
export const startupTimeoutMs = 180_000
/** Below this an engine is likely to kill what it starts: Kafka and the registry are Java. */
const engineBytesMin = 2 * 1024 ** 3

/** A container of Testcontainers, of its modules too, which give more than a `StartedTestContainer` when started. */
type Container<Started> = Pick<GenericContainer, 'withLabels' | 'withLogConsumer' | 'withReuse'> & {
  start(): Promise<Started>
}

/**
 * Starts the container that `make` describes, and says in words what is wrong if it does not start.
 *
 * @throws TroupeError `TROUPE_STACK_UNAVAILABLE`
 */
export async function startPart<Started extends StartedTestContainer>(
  part: Part,
  reuse: boolean,
  make: () => Container<Started>,
): Promise<Started> {
  const lines: string[] = []
  let output: Readable | undefined
  const startedAtMs = Date.now()
  const keep = (chunk: Buffer | string): void => {
    const written = String(chunk).split('\n')
    lines.push(...written.filter((line) => line.trim() !== ''))
    lines.splice(0, Math.max(0, lines.length - linesMax))
  }
  const start = randomUUID()
  try {
    const container = make()
    container.withLogConsumer((stream) => {
      output = stream
      stream.on('data', keep)
    })
    // What is found again by its labels has to have the same ones at each start.
    if (reuse) container.withLabels({ [reusedLabel]: 'true' }).withReuse()
    else container.withLabels({ [startLabel]: start })
    return await container.start()
  } catch (cause) {
    if (lines.length === 0 && !reuse) await logOfEnded(`${startLabel}=${start}`, keep)
    throw new TroupeError('TROUPE_STACK_UNAVAILABLE', await messageFor(part, cause, lines, startedAtMs), {
      cause,
      details: { image: part.image },
    })
  } finally {
    // It would be followed as long as the container runs, and keep this process from ending.
    output?.destroy()
  }
}

async function messageFor(
  { name, image, variable }: Part,
  cause: unknown,
  lines: readonly string[],
  startedAtMs: number,
): Promise<string> {
  const reason = messageOf(cause).split('\n')[0] ?? ''
  if (isAboutImage(reason)) {
    return `${name} cannot be started, because the image ${image} is not there and cannot be pulled: ${reason}. Pull it where you have a connection (docker pull ${image}), or name another one with ${variable}.`
  }
  const bytes = await engineBytes()
  const killed = (await hasBeenKilledForMemory(image, startedAtMs))
    ? ' The engine has killed it for want of memory (exit code 137): give the engine, or the container, more.'
    : ''
  const memory =
    bytes !== undefined && bytes < engineBytesMin
      ? ` The Docker engine has ${Math.round(bytes / 1024 ** 2)} MiB of memory; give it 2 GiB or more.`
      : ''
  const log =
    lines.length === 0
      ? 'It wrote no log.'
      : `The end of its log:\n${lines.map((line) => `  ${line}`).join('\n')}`
  return `${name} did not start from the image ${image}: ${reason}.${killed}${memory} Name another image with ${variable} if this one is not what it should be. ${log}`
}

function isAboutImage(reason: string): boolean {
  return /no such image|pull access denied|manifest (for .* )?(unknown|not found)|repository .*not found|failed to (pull|resolve)|lookup .*registry|registry.*(timeout|refused|denied)|\/v2\//i.test(
    reason,
  )
}

async function engineBytes(): Promise<number | undefined> {
  try {
    const client = await getContainerRuntimeClient()
    const { MemTotal: bytes } = (await client.container.dockerode.info()) as { MemTotal?: number }
    return bytes
  } catch {
    return undefined
  }
}
