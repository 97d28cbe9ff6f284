import { type ChildProcess, fork } from 'node:child_process'

/** A process that was started, and said that it is ready. */
export interface Child {
  readonly name: string
  readonly pid: number
  /** What it said when it was ready. */
  readonly said: unknown
  /** Rejects when it ends although nobody stopped it; else stays pending. */
  readonly failed: Promise<never>
  /** Sends it a message, and resolves to what it says next. */
  ask(message: string): Promise<unknown>
  /** Keeps it from running until it is `woken`: what it is to do piles up meanwhile. */
  freeze(): void
  wake(): void
  /** Asks it to end, and resolves when it has. */
  stop(): Promise<void>
  /** Ends it at once. */
  kill(): Promise<void>
}

export interface ChildOptions {
  readonly name: string
  /** The module that Node runs; its first message says that it is ready. */
  readonly main: string
  readonly words?: readonly string[]
  /** A module that is loaded before it. */
  readonly preload?: string
  /** Added to this process's own environment. */
  readonly environment?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

const stopMsMax = 15_000
const alive = new Set<ChildProcess>()

// The last word: one that is frozen would not notice that its parent is gone.
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** Starts a process and waits until it is ready. @throws if it ends before, or the signal's reason */
export async function startChild({
  name,
  main,
  words = [],
  preload,
  environment,
  signal,
}: ChildOptions): Promise<Child> {
  signal.throwIfAborted()
  const child = fork(main, [...words], {
    stdio: ['ignore', 2, 2, 'ipc'],
    execArgv: preload === undefined ? [] : ['--import', preload],
    env: { ...process.env, ...environment },
  })
  alive.add(child)
  let isStopping = false
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      alive.delete(child)
      resolve()
    })
  })
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, by) => {
      if (!isStopping) reject(new Error(`${name} ended (${by ?? `exit code ${code}`}).`))
    })
    const giveUp = () => reject(signal.reason as Error)
    signal.addEventListener('abort', giveUp, { once: true })
    child.once('exit', () => signal.removeEventListener('abort', giveUp))
  })
  // Whoever awaits it hears of it.
  failed.catch(() => {})
  const kill = async () => {
    isStopping = true
    child.kill('SIGKILL')
    if (alive.has(child)) await gone
  }
  const next = () => Promise.race([new Promise((resolve) => child.once('message', resolve)), failed])
  let said: unknown
  try {
    said = await next()
  } catch (error) {
    await kill()
    throw error
  }
  return {
    name,
    pid: child.pid ?? 0,
    said,
    failed,
    ask(message) {
      const answer = next()
      child.send(message)
      return answer
    },
    freeze: () => void child.kill('SIGSTOP'),
    wake: () => void child.kill('SIGCONT'),
    async stop() {
      isStopping = true
      child.kill('SIGTERM')
      child.kill('SIGCONT')
      const patience = setTimeout(() => child.kill('SIGKILL'), stopMsMax)
      if (alive.has(child)) await gone
      clearTimeout(patience)
    },
    kill,
  }
}
