import type { EventEmitter } from 'node:events'

/** As a shell counts: 128 plus the number of SIGPIPE. */
const exitCode = 141

/**
 * Ends the process, without a word, when whoever read its stdout has gone (`| head`). A command that has
 * something to put in order listens for that itself.
 */
export function endWithReader(
  { stdout, stderr }: { readonly stdout: EventEmitter; readonly stderr: EventEmitter },
  end: (exitCode: number) => void,
): void {
  stdout.on('error', () => {
    if (stdout.listenerCount('error') === 1) end(exitCode)
  })
  // Who read the notes may be gone as well.
  stderr.on('error', () => {})
}
