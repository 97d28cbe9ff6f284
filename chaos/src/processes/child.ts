import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { createKeeper } from './keeper.ts'
import { lineSplitter } from './line-splitter.ts'

export interface ChildOptions {
  /** The module that Node runs. */
  readonly main: string
  /** Before the module: `--import` and the like. */
  readonly nodeArguments?: readonly string[]
  /** All that it gets, besides PATH, HOME and the like. */
  readonly environment: Readonly<Record<string, string>>
  /** Where its output is added to. */
  readonly logFile: string
}

export interface ChildExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last lines that it wrote. */
  readonly lastLines: readonly string[]
}

/** A process of Node that says over IPC when it runs. */
export interface Child {
  readonly pid: number
  /** What it said of itself. Rejects with its last lines if it ends before. */
  readonly running: Promise<Readonly<Record<string, unknown>>>
  readonly ended: Promise<ChildExit>
  /** False if it is gone. */
  signal(signal: NodeJS.Signals): boolean
}

const linesKeptMax = 20

/** Every process that was started here and is not known to be gone. */
const started = new Set<ChildProcess>()
const keeper = createKeeper()

// The last word, for exits that stop nothing: an error that nobody caught, a second Ctrl-C.
process.on('exit', () => {
  for (const one of started) one.kill('SIGKILL')
})

/** Starts a process, in a group of its own so that a Ctrl-C in the terminal reaches its parent alone. */
export function startChild({ main, nodeArguments = [], environment, logFile }: ChildOptions): Child {
  const child = spawn(process.execPath, [...nodeArguments, main], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...inherited(process.env), ...environment },
  })
  const { pid } = child
  started.add(child)
  if (pid !== undefined) keeper.has(pid)
  const lines: string[] = []
  const log = createWriteStream(logFile, { flags: 'a' })
  // What cannot be written to the log is no reason to end: the lines that matter are kept.
  log.on('error', () => {})
  const keep = lineSplitter((line) => {
    lines.push(line)
    if (lines.length > linesKeptMax) lines.shift()
    log.write(`${line}\n`)
  })
  child.stdout?.setEncoding('utf8').on('data', keep)
  child.stderr?.setEncoding('utf8').on('data', keep)
  const ended = new Promise<ChildExit>((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null) => {
      started.delete(child)
      if (pid !== undefined) keeper.gone(pid)
      log.end()
      resolve({ code, signal, lastLines: lines })
    }
    child.once('error', (error) => {
      lines.push(error.message)
      end(null, null)
    })
    // `close` would wait for whoever inherited its output: PostgreSQL's watchdog may outlive it.
    child.once('exit', end)
  })
  const running = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
    child.on('message', (message) => {
      const told = message as Readonly<Record<string, unknown>>
      if (told['troupe'] === 'running') resolve(told)
    })
    void ended.then((exit) => reject(new Error(`it ended before it ran ${textOf(exit)}`)))
  })
  // A process that is meant to fail has nobody waiting for it to run.
  running.catch(() => {})
  return {
    pid: pid ?? 0,
    running,
    ended,
    signal: (signal) => child.kill(signal),
  }
}

/** How a process ended, for a person. */
export function textOf({ code, signal, lastLines }: ChildExit): string {
  const how = signal === null ? `with exit code ${code}` : `by ${signal}`
  return lastLines.length === 0 ? how : `${how}; its last lines:\n${lastLines.slice(-8).join('\n')}`
}

/** Everything but the settings of services and of Node. */
function inherited(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own =
    /^(?:TROUPE_.*|CHAOS_.*|KAFKA_BROKERS|SCHEMA_REGISTRY_URL|DATABASE_URL|HTTP_ADDRESS|GATEWAY_.*|NODE_OPTIONS)$/
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !own.test(name)))
}
