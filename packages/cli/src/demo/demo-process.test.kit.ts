import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'

/** The command as users have it. */
export const troupe: string = fileURLToPath(new URL('../../bin/troupe.js', import.meta.url))

/** A `troupe` command as a process of its own. */
export interface TroupeProcess {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
  /** Resolves when stdout matches; rejects with all that was said when the process ends before. */
  says(pattern: RegExp): Promise<void>
}

/** What must never be left running: whatever a test does, its process is told to stop. */
const running = new Set<ChildProcess>()

export function startTroupe(...args: readonly string[]): TroupeProcess {
  const child = spawn(process.execPath, [troupe, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '' },
  })
  running.add(child)
  let stdout = ''
  let stderr = ''
  let look: () => void = () => {}
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
    look()
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child)
      resolve(code ?? signal ?? '?')
    })
  })
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        look = () => {
          if (pattern.test(stdout)) resolve()
        }
        look()
        void ended.then((code) => reject(new Error(`ended with ${code} first\n${stdout}\n${stderr}`)))
      }),
  }
}

/** For `afterEach`: asks what still runs to stop, and waits. */
export async function stopAllTroupes(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const gone = new Promise((resolve) => child.once('close', resolve))
      child.kill('SIGTERM')
      await gone
    }),
  )
}

export interface ProcessLine {
  readonly pid: number
  readonly parent: number
  readonly state: string
  readonly command: string
}

/** Every process of this machine. */
export function processes(): readonly ProcessLine[] {
  const text = execFileSync('ps', ['-eo', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line)
    if (!match) return []
    const [, pid, parent, state = '', command = ''] = match
    return [{ pid: Number(pid), parent: Number(parent), state, command }]
  })
}

/** A process and all that it started, and they started. */
export function familyOf(pid: number): readonly ProcessLine[] {
  const all = processes()
  const family = all.filter((one) => one.pid === pid)
  for (const member of family) family.push(...all.filter(({ parent }) => parent === member.pid))
  return family
}

/** PostgreSQL's data folder, from its command line. */
export function dataFolderOf(family: readonly ProcessLine[]): string {
  for (const { command } of family) {
    const folder = / -D\s*(\S+)/.exec(command)?.[1]
    if (folder !== undefined) return folder
  }
  throw new Error(`no PostgreSQL among ${family.map(({ command }) => command).join('\n')}`)
}

/** Waits until none of these processes lives; what is left after `withinMs` is returned. Zombies are dead. */
export async function survivorsOf(
  family: readonly ProcessLine[],
  withinMs: number,
): Promise<readonly ProcessLine[]> {
  const untilMs = performance.now() + withinMs
  for (;;) {
    const living = new Map(processes().map((one) => [one.pid, one]))
    const left = family.filter(({ pid, command }) => {
      const now = living.get(pid)
      return now !== undefined && !now.state.startsWith('Z') && now.command === command
    })
    if (left.length === 0 || performance.now() > untilMs) return left
    await delay(50)
  }
}
