import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CaseReport } from '../report/document.ts'
import type { Message, Task } from './messages.ts'

export interface RunOptions extends Omit<Task, 'names'> {
  /** Aborted: stop what is under way. */
  readonly signal: AbortSignal
  readonly note: (text: string) => void
}

export interface RunResult {
  readonly cases: Readonly<Record<string, CaseReport>>
  readonly problems: readonly string[]
}

/**
 * Runs cases in a process of their own, so that none finds what another one left behind in memory.
 *
 * @throws the signal's reason, once the process has stopped what it started
 */
export async function runCases(names: readonly string[], options: RunOptions): Promise<RunResult> {
  const { signal, note, ...settings } = options
  signal.throwIfAborted()
  const cases: Record<string, CaseReport> = {}
  const problems: string[] = []
  const main = fileURLToPath(import.meta.resolve('./case-process.js'))
  // In a process group of its own: a Ctrl-C in the terminal reaches its parent alone, who then stops it.
  const child = fork(main, [JSON.stringify({ ...settings, names } satisfies Task)], {
    detached: true,
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  const stop = () => child.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  child.on('message', (message) => {
    const told = message as Message
    switch (told.kind) {
      case 'note':
        return note(`${told.name}: ${told.text}`)
      case 'problem':
        return void problems.push(`${told.name}: ${told.text}`)
      case 'measured':
        cases[told.name] = told.report
    }
  })
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, killedBy) => {
        if (signal.aborted) return reject(signal.reason as Error)
        if (code !== 0)
          problems.push(`${names.join(', ')}: the process ended with ${killedBy ?? `exit code ${code}`}`)
        resolve()
      })
    })
  } finally {
    signal.removeEventListener('abort', stop)
  }
  return { cases, problems }
}
