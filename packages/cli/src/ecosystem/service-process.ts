// One service as an operating-system process.
//
// | state    | start()  | says that it runs | stop()   | exits                   |
// |----------|----------|-------------------|----------|-------------------------|
// | stopped  | starting | -                 | -        | -                       |
// | starting | refused  | running           | stopping | died (start is refused) |
// | running  | refused  | -                 | stopping | died (`onDeath` is told)|
// | stopping | refused  | -                 | (same)   | stopped                 |
// | died     | refused  | -                 | -        | -                       |
//
// Invariants
// 1. The process leads a group of its own: a Ctrl-C in the terminal reaches only its parent, who then
//    stops everything in order.
// 2. It holds one end of an IPC channel and stops when that closes, so it cannot outlive its parent; and
//    when the parent exits on its own account, it is killed with its whole group.
// 3. Only the last `linesKeptMax` lines of its output are kept.

import { messageOf, TroupeError } from '@troupe/core'
import { type ChildProcess, spawn } from 'node:child_process'
import { lineSplitter, type ServiceLine, serviceLine } from './log-lines.ts'

export type ProcessState = 'stopped' | 'starting' | 'running' | 'stopping' | 'died'

export interface ServiceProcessOptions {
  readonly name: string
  /** The module that Node runs. */
  readonly main: string
  /** Its settings; the parent's own Troupe and Kafka variables are not passed on. */
  readonly environment: Readonly<Record<string, string>>
  readonly onLine?: (line: ServiceLine) => void
  /** It ended although nobody stopped it. */
  readonly onDeath?: (error: TroupeError) => void
  /** How long a stop may take before the process is killed. Default 10,000: longer than it takes by itself. */
  readonly stopGraceMs?: number
}

export interface ServiceProcess {
  readonly name: string
  readonly state: ProcessState
  readonly pid: number | undefined
  /** Where its HTTP server listens; kept over a restart. */
  readonly url: string | undefined
  /** Where its admin API listens, if it was given a token; kept as well. */
  readonly adminUrl: string | undefined
  /** How long the latest start took. */
  readonly startMs: number | undefined
  /** @throws TroupeError `TROUPE_SERVICE_DIED` if it ends before it says that it runs */
  start(): Promise<void>
  /** Resolves when the process is gone. */
  stop(): Promise<void>
  /** Its latest lines, oldest first. */
  lastLines(): readonly ServiceLine[]
}

const linesKeptMax = 30
const linesShown = 12
const stopGraceMsDefault = 10_000

/** A service process that is not started yet. */
export function createServiceProcess(options: ServiceProcessOptions): ServiceProcess {
  const { name, main, environment, onLine, onDeath, stopGraceMs = stopGraceMsDefault } = options
  const lines: ServiceLine[] = []
  let state: ProcessState = 'stopped'
  let child: ChildProcess | undefined
  let gone: Promise<unknown> = Promise.resolve()
  let url: string | undefined
  let adminUrl: string | undefined
  let startMs: number | undefined

  function keep(line: string): void {
    const one = serviceLine(name, line)
    lines.push(one)
    if (lines.length > linesKeptMax) lines.shift()
    onLine?.(one)
  }

  function death(exit: string): TroupeError {
    const said = lines.slice(-linesShown).map(({ level, text }) => `  ${level}: ${text}`)
    return new TroupeError(
      'TROUPE_SERVICE_DIED',
      `${name} ended unexpectedly (${exit}). ${said.length > 0 ? `Its last lines:\n${said.join('\n')}` : 'It said nothing.'}`,
      { details: { service: name } },
    )
  }

  function spawned(): ChildProcess {
    const address = {
      ...(url === undefined ? {} : { HTTP_ADDRESS: new URL(url).host }),
      ...(adminUrl === undefined ? {} : { TROUPE_ADMIN_ADDRESS: new URL(adminUrl).host }),
    }
    const one = spawn(process.execPath, [main], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...inherited(process.env), ...environment, ...address, TROUPE_STOP_WITH_PARENT: '1' },
    })
    one.stdout?.setEncoding('utf8').on('data', lineSplitter(keep))
    one.stderr?.setEncoding('utf8').on('data', lineSplitter(keep))
    return one
  }

  function begin(): Promise<void> {
    if (state !== 'stopped') {
      return Promise.reject(
        new TroupeError('TROUPE_STOPPED', `${name} is ${state} and cannot be started. Stop it first.`),
      )
    }
    state = 'starting'
    const sinceMs = performance.now()
    const one = spawned()
    child = one
    started.add(one)
    return new Promise((resolve, reject) => {
      one.on('message', (message) => {
        if (!saysRunning(message) || state !== 'starting') return
        url = message.http
        adminUrl = message.admin
        startMs = Math.round(performance.now() - sinceMs)
        state = 'running'
        resolve()
      })
      one.once('error', (error) => keep(`${main} could not be run: ${messageOf(error)}`))
      gone = new Promise((ended) => {
        // `close` comes after the last line of output, which says why.
        one.once('close', (code, signal) => {
          started.delete(one)
          const was = state
          state = was === 'stopping' ? 'stopped' : 'died'
          ended(undefined)
          if (was === 'stopping') return reject(new TroupeError('TROUPE_STOPPED', `${name} was stopped.`))
          const error = death(signal ?? `exit code ${code}`)
          if (was === 'starting') reject(error)
          else onDeath?.(error)
        })
      })
    })
  }

  return {
    name,
    get state() {
      return state
    },
    get pid() {
      return state === 'stopped' || state === 'died' ? undefined : child?.pid
    },
    get url() {
      return url
    },
    get adminUrl() {
      return adminUrl
    },
    get startMs() {
      return startMs
    },
    start: begin,
    async stop() {
      if (state === 'stopped' || state === 'died') return
      state = 'stopping'
      child?.kill('SIGTERM')
      const kill = setTimeout(() => child && killGroup(child), stopGraceMs)
      await gone
      clearTimeout(kill)
    },
    lastLines: () => lines,
  }
}

/** Every process that was started here and is not known to be gone. */
const started = new Set<ChildProcess>()

// The last word, for exits that stop nothing: a second Ctrl-C, an error that nobody caught.
process.on('exit', () => {
  for (const one of started) killGroup(one)
})

function killGroup(child: ChildProcess): void {
  // The group is gone with its last member; the process itself may be the only one left to signal.
  child.kill('SIGKILL')
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Nobody of the group is left.
  }
}

interface SaysRunning {
  readonly troupe: 'running'
  readonly http: string | undefined
  readonly admin: string | undefined
}

function saysRunning(message: unknown): message is SaysRunning {
  return (
    typeof message === 'object' && message !== null && 'troupe' in message && message.troupe === 'running'
  )
}

/** What a service needs of its parent's environment: everything but the settings of services. */
function inherited(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own =
    /^(?:TROUPE_.*|KAFKA_BROKERS|SCHEMA_REGISTRY_URL|DATABASE_URL|HTTP_ADDRESS|GATEWAY_(?:URL|FILE))$/
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !own.test(name)))
}
