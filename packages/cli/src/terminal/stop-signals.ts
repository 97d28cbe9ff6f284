/** Somebody asked the command to stop. */
export class Interruption extends Error {
  override readonly name = 'Interruption'
  /** As a shell counts: 128 plus the signal's number. */
  readonly exitCode: number

  constructor(reason: string, signalNumber: number) {
    super(`stopped by ${reason}`)
    this.exitCode = 128 + signalNumber
  }
}

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const
const brokenPipe = 13

/**
 * Turns SIGINT, SIGTERM, SIGHUP and a reader who goes away from stdout into one abort, with an
 * {@link Interruption} as the reason. A second signal ends the process at once.
 */
export function stopSignals(onFirst: (reason: string) => void): {
  readonly signal: AbortSignal
  readonly dispose: () => void
} {
  const controller = new AbortController()
  const stop = (reason: string, number: number): void => {
    const interruption = new Interruption(reason, number)
    // What was started leaves with the process: see the `exit` handler of the service processes.
    if (controller.signal.aborted) process.exit(interruption.exitCode)
    onFirst(reason)
    controller.abort(interruption)
  }
  const handlers = Object.entries(signalNumbers).map(([name, number]) => {
    const handler = () => stop(name, number)
    process.on(name, handler)
    return () => process.off(name, handler)
  })
  const onLostReader = (): void => {
    if (!controller.signal.aborted) stop('a closed stdout', brokenPipe)
  }
  // Whoever read the notes may be gone as well, as with a terminal window that was closed.
  const ignore = (): void => {}
  process.stdout.on('error', onLostReader)
  process.stderr.on('error', ignore)
  return {
    signal: controller.signal,
    dispose() {
      for (const off of handlers) off()
      process.stdout.off('error', onLostReader)
      process.stderr.off('error', ignore)
    },
  }
}
