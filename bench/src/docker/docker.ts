import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** The repository: what compose files and images are made of. */
export const root = fileURLToPath(new URL('../../..', import.meta.url))

export interface DockerOptions {
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** Runs `docker …` to its end. @returns stdout. @throws with the end of what it said, or the signal's reason */
export async function docker(
  words: readonly string[],
  { cwd = root, environment = {}, signal }: DockerOptions = {},
): Promise<string> {
  signal?.throwIfAborted()
  const child = spawn('docker', words, { cwd, env: { ...process.env, ...environment } })
  const stop = () => child.kill('SIGINT')
  signal?.addEventListener('abort', stop, { once: true })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-2_000)
  })
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    signal?.throwIfAborted()
    if (code === 0) return stdout
    throw new Error(`docker ${words.slice(0, 8).join(' ')} … ended with ${code}:\n${stderr}`)
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

/** Why there is nothing to be done with Docker here, in a line; undefined if there is. */
export async function composeProblem(): Promise<string | undefined> {
  try {
    await docker(['version', '--format', '{{.Server.Version}}'])
    await docker(['compose', 'version'])
    return undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return 'docker is not installed, or not in PATH. Install Docker Engine 25 or newer with Compose 2.24 or newer.'
    const said = (error as Error).message.trim().split('\n').at(-1)
    return `docker compose cannot be used (${said}). Start a Docker engine, 25 or newer.`
  }
}
