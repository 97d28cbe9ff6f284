import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'

export interface ServiceProcess {
  readonly child: ChildProcess
  /** Resolves with the HTTP address once the service runs; rejects with what it printed if it ends before. */
  readonly running: Promise<string>
  /** Resolves when the process has ended. */
  readonly ended: Promise<{
    readonly code: number | null
    readonly signal: NodeJS.Signals | null
    readonly stderr: string
    readonly stdout: string
  }>
}

const require = createRequire(import.meta.url)

/** Starts a service's compiled `main.js` as a process of its own, with these settings and no others. */
export function startProcess(name: string, settings: Readonly<Record<string, string>>): ServiceProcess {
  const main = join(dirname(require.resolve(`@troupe-demo/${name}/package.json`)), 'dist/main.js')
  if (!existsSync(main)) throw new Error(`${main} is missing. Build first: npx -y pnpm@10.34.9 build`)
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (part) => (stdout += part))
  child.stderr?.on('data', (part) => (stderr += part))
  // Not `close`: it never comes once the parent has disconnected the channel.
  const ended: ServiceProcess['ended'] = Promise.all([
    once(child, 'exit'),
    finished(child.stdout as Readable),
    finished(child.stderr as Readable),
  ]).then(([[code, signal]]) => ({ code, signal, stderr, stdout }))
  const running = new Promise<string>((resolve, reject) => {
    child.on('message', (message) => {
      const { troupe, http } = message as { troupe?: string; http?: string }
      if (troupe === 'running') resolve(http ?? '')
    })
    void ended.then(({ code }) =>
      reject(new Error(`${name} ended with code ${code} before it ran:\n${stderr}${stdout}`)),
    )
  })
  // A process that is meant to fail has nobody waiting for it to run.
  running.catch(() => {})
  return { child, running, ended }
}

/** Asks again until the answer is the one that is waited for. */
export async function until<T>(
  ask: () => Promise<T>,
  isIt: (answer: T) => boolean,
  timeoutMs = 60_000,
): Promise<T> {
  const untilMs = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (isIt(answer)) return answer
    if (performance.now() > untilMs)
      throw new Error(`Still not so after ${timeoutMs} ms; the last answer was ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
