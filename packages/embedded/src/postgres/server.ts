// One postmaster, from spawn to exit.
//
// | state    | spawned process                   | leaves by                                        |
// | starting | runs, postmaster.pid not `ready`  | `ready` → running; exit → startServer throws     |
// | running  | accepts connections               | stop() → stopping; exit → ended (unexpected)     |
// | stopping | SIGINT, 10 s SIGQUIT, 5 s SIGKILL | exit → ended (expected)                          |
// | ended    | gone                              |                                                  |
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { EmbeddedError } from '../embedded-error.ts'
import { isAlive } from '../stack/process-identity.ts'
import { serverEnvironment } from './environment.ts'
import type { Identity } from './identity.ts'

/** How the server ended. */
export interface ServerExit {
  /** True when `stop` was called. */
  expected: boolean
  /** For a person: the exit code or signal. */
  reason: string
}

/** A running postmaster. */
export interface Server {
  readonly pid: number
  readonly exited: Promise<ServerExit>
  /** Shuts it down and waits until it is gone. Harmless when called twice. */
  stop(): Promise<void>
}

export interface ServerOptions {
  executable: string
  identity: Identity
  dataFolder: string
  /** How the server itself calls its data folder; see `giveTo`. */
  dataPath: string
  logFile: string
  settings: Readonly<Record<string, string>>
  /** Called as soon as there is a process. */
  onSpawn(pid: number): void
}

const fastStopMs = 10_000
const immediateStopMs = 5_000
/** Recovery after a crash can take long; as long as the process lives it is making progress. */
const startTimeoutMs = 120_000
const pollMs = 5
const logTailBytes = 8192

/**
 * Starts a postmaster and waits until it accepts connections.
 * @throws EmbeddedError PORT_TAKEN, POSTGRES_NOT_STARTED with the end of its log.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { executable, identity, dataFolder, dataPath, logFile, settings } = options
  const log = openSync(logFile, 'a', 0o600)
  let child: ChildProcess
  try {
    child = spawn(
      executable,
      ['-D', dataPath, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      // Its own session: a Ctrl-C in the terminal must reach the services first, the database last.
      { ...identity, cwd: dataFolder, env: serverEnvironment(), detached: true, stdio: ['ignore', log, log] },
    )
  } finally {
    closeSync(log)
  }
  let isStopping = false
  const exited = new Promise<ServerExit>((resolve) => {
    child.once('error', (error) => resolve({ expected: isStopping, reason: error.message }))
    child.once('exit', (code, signal) => {
      resolve({ expected: isStopping, reason: signal ? `signal ${signal}` : `exit code ${code}` })
    })
  })
  const { pid } = child
  if (pid !== undefined) options.onSpawn(pid)
  const stop = async (): Promise<void> => {
    isStopping = true
    await endChild(child, exited)
  }
  const failure = await untilReady(dataFolder, pid, exited)
  if (failure !== undefined || pid === undefined) {
    await stop()
    throw notStarted(failure ?? 'no process', logFile)
  }
  return { pid, exited, stop }
}

/**
 * Ends a postmaster that another process started on this folder and that outlived it.
 * Returns its pid, or undefined when there was none.
 */
export async function endOrphan(
  dataFolder: string,
  isPostmaster: (pid: number) => boolean,
): Promise<number | undefined> {
  const pid = Number(pidFileLines(dataFolder)[0])
  if (!isAlive(pid) || !isPostmaster(pid)) return undefined
  for (const [signal, waitMs] of [
    ['SIGINT', 30_000],
    ['SIGQUIT', immediateStopMs],
    ['SIGKILL', 2_000],
  ] as const) {
    try {
      process.kill(pid, signal)
    } catch {
      // It is gone already, or belongs to another user: waiting tells which.
    }
    const deadline = performance.now() + waitMs
    while (isAlive(pid) && performance.now() < deadline) await pause(20)
    if (!isAlive(pid)) return pid
  }
  throw new EmbeddedError(
    'FOLDER_IN_USE',
    `${dataFolder} is served by a PostgreSQL (process ${pid}) that does not stop. End it by hand and try again.`,
  )
}

async function untilReady(
  dataFolder: string,
  pid: number | undefined,
  exited: Promise<ServerExit>,
): Promise<string | undefined> {
  let ended: ServerExit | undefined
  const watch = async () => {
    ended = await exited
  }
  void watch()
  const deadline = performance.now() + startTimeoutMs
  for (;;) {
    await pause(pollMs)
    if (ended) return ended.reason
    const lines = pidFileLines(dataFolder)
    if (Number(lines[0]) === pid && lines[7]?.trim() === 'ready') return undefined
    if (performance.now() > deadline) return `not ready after ${startTimeoutMs / 1000} s`
  }
}

async function endChild(child: ChildProcess, exited: Promise<ServerExit>): Promise<void> {
  const isGone = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null
  for (const [signal, waitMs] of [
    ['SIGINT', fastStopMs],
    ['SIGQUIT', immediateStopMs],
    ['SIGKILL', fastStopMs],
  ] as const) {
    if (isGone()) return
    child.kill(signal)
    let timer: NodeJS.Timeout | undefined
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, waitMs)
    })
    await Promise.race([exited, waited])
    clearTimeout(timer)
  }
}

/** Line 1 is the pid, line 8 the state (src/include/utils/pidfile.h). */
function pidFileLines(dataFolder: string): string[] {
  try {
    return readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return []
  }
}

/** The last lines of the server's log. */
export function logTail(logFile: string): string {
  let file: number | undefined
  try {
    file = openSync(logFile, 'r')
    const { size } = fstatSync(file)
    const end = Buffer.alloc(Math.min(size, logTailBytes))
    readSync(file, end, 0, end.length, size - end.length)
    return end.toString('utf8').trimEnd().split('\n').slice(-15).join('\n')
  } catch {
    return '(no log)'
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function notStarted(reason: string, logFile: string): EmbeddedError {
  const tail = logTail(logFile)
  if (/Address already in use|could not create any TCP\/IP sockets/.test(tail)) {
    return new EmbeddedError('PORT_TAKEN', `PostgreSQL's port was taken while it started.\n${tail}`)
  }
  return new EmbeddedError(
    'POSTGRES_NOT_STARTED',
    `PostgreSQL did not start (${reason}). Its log ends:\n${tail}`,
  )
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
