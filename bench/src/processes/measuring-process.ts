import { fork } from 'node:child_process'

export interface MeasuringOptions {
  readonly words?: readonly string[]
  /** Added to this process's own environment. */
  readonly environment?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/**
 * Runs a module in a process of its own, as a user's is: nothing is compiled or loaded yet. It sends one
 * message with what it measured, and ends by itself, early when its parent disconnects.
 *
 * @returns what it sent, once it has ended
 * @throws if it ends otherwise, or the signal's reason
 */
export function measuredBy<Measured>(
  main: string,
  { words = [], environment = {}, signal }: MeasuringOptions,
): Promise<Measured> {
  signal.throwIfAborted()
  const child = fork(main, [...words], {
    stdio: ['ignore', 2, 2, 'ipc'],
    env: { ...process.env, ...environment },
  })
  const stop = () => child.disconnect()
  signal.addEventListener('abort', stop, { once: true })
  return new Promise<Measured>((resolve, reject) => {
    let said: { readonly measured: Measured } | undefined
    child.once('message', (message) => {
      said = { measured: message as Measured }
    })
    child.once('error', reject)
    child.once('exit', (code, killedBy) => {
      if (signal.aborted) reject(signal.reason as Error)
      else if (said && code === 0) resolve(said.measured)
      else reject(new Error(`${main} did not measure and end (${killedBy ?? `exit code ${code}`}).`))
    })
  }).finally(() => signal.removeEventListener('abort', stop))
}
