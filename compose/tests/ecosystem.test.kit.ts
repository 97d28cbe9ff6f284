import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** How a command ended, and what it said. */
export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Told all of stderr so far, whenever there is more of it. */
  readonly onStderr?: (all: string) => void
  readonly timeoutMs?: number
}

/** Runs a command, without a shell, to its end. */
export async function run(
  command: string,
  args: readonly string[],
  { env = {}, onStderr, timeoutMs = 300_000 }: RunOptions = {},
): Promise<Ended> {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, timeout: timeoutMs })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
    onStderr?.(stderr)
  })
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, stdout, stderr }
}

/** A compose project of a test's own: its containers, volumes, networks and ports are nobody else's. */
export interface Project {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  /** Runs `docker compose …` for this project. */
  compose(args: readonly string[], options?: RunOptions): Promise<Ended>
  /** The same, and throws with all that it said unless it exits with 0. Resolves with stdout. */
  mustCompose(...args: readonly string[]): Promise<string>
  /** Builds all images and starts everything. */
  up(): Promise<void>
  /** The ids of a service's running containers. */
  containersOf(service: string): Promise<readonly string[]>
  /** Plays mixed orders; once some of them have ended, does `meanwhile`. Resolves with the report. */
  playOrders(count: number, meanwhile: () => Promise<void>): Promise<PlayReport>
  /** Takes everything down, images included. Resolves with what is left: nothing. */
  remove(): Promise<string>
}

export interface PlayReport {
  readonly ok: boolean
  readonly load?: { readonly count: number; readonly problems: readonly string[] }
  readonly stories: readonly { readonly name: string; readonly ok: boolean }[]
  readonly balance: { readonly ok: boolean; readonly lines: readonly object[] }
  readonly troubles: readonly string[]
}

export const services = ['order', 'payment', 'inventory', 'shipping']
const ports = ['ORDER_PORT', 'KAFKA_PORT', 'KAFKA_2_PORT', 'KAFKA_3_PORT', 'REGISTRY_PORT', 'POSTGRES_PORT']

/** @param files compose files, as seen from the root */
export async function createProject(files: readonly string[] = ['docker-compose.yml']): Promise<Project> {
  const name = `troupe-test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`
  const free = await Promise.all(ports.map(freePort))
  const env = Object.fromEntries(ports.map((port, at) => [port, String(free[at])]))
  const base = ['compose', '--project-name', name, ...files.flatMap((file) => ['--file', file])]

  const compose: Project['compose'] = (args, options = {}) =>
    run('docker', [...base, ...args], { ...options, env: { ...env, ...options.env } })

  const mustCompose = async (...args: readonly string[]) => {
    const { status, stdout, stderr } = await compose(args)
    if (status !== 0) {
      const { stdout: logs } = await compose(['logs', '--tail', '5', ...services])
      throw new Error(`docker compose ${args.join(' ')} exited with ${status}:\n${stderr}${stdout}${logs}`)
    }
    return stdout
  }

  return {
    name,
    env,
    compose,
    mustCompose,
    async up() {
      await mustCompose('--profile', 'play', 'build', '--quiet')
      await mustCompose('up', '--wait')
    },
    containersOf: async (service) => lines(await mustCompose('ps', '--quiet', service)),
    async playOrders(count, meanwhile) {
      let done: Promise<void> | undefined
      const args = ['--profile', 'play', 'run', '--rm', '-T', 'play', '--json', '--seed', '7', '--orders']
      const { stdout, stderr } = await compose([...args, String(count)], {
        onStderr(all) {
          if (/\d+\/\d+ sagas ended/.test(all)) done ??= meanwhile()
        },
      })
      if (!done) throw new Error(`No order has ended:\n${stderr}`)
      await done
      if (stdout.trim() === '') throw new Error(`The play ended without a report:\n${stderr.slice(-2_000)}`)
      return JSON.parse(stdout) as PlayReport
    },
    async remove() {
      await compose(['--profile', '*', 'down', '--volumes', '--rmi', 'local', '--timeout', '5'])
      const mine = ['--quiet', '--filter', `label=com.docker.compose.project=${name}`]
      const left = await Promise.all([
        run('docker', ['ps', '--all', ...mine]),
        run('docker', ['volume', 'ls', ...mine]),
        run('docker', ['network', 'ls', ...mine]),
      ])
      return left.map(({ stdout }) => stdout).join('')
    },
  }
}

export function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}

/** Below the ports that systems take by themselves, which come and go all the time. */
const portRange = { first: 15_000, last: 31_000 }

/**
 * A port of this machine on which nobody listens: for what must be found at the same place after a restart.
 * As `freePort` of @troupe/embedded, which cannot be imported here: this folder is no package of the workspace.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = portRange.first + Math.floor(Math.random() * (portRange.last - portRange.first))
    const server = createServer()
    const isFree = new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!(await isFree)) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
