import type { RealStack } from '../testcontainers/start-real-stack.ts'

// Jest loads set-up and tear-down apart from each other, maybe twice: what they share lives on the process.
const place = Symbol.for('troupe.shared-stack')

interface Kept {
  readonly stack: Pick<RealStack, 'stop'>
  readonly forget: () => void
}

/** Keeps the stack of this run for {@link letGo}, and lets go of it by itself when the run is interrupted. */
export function keep(stack: Pick<RealStack, 'stop'>, print: (message: string) => void): void {
  const interrupted = (signal: NodeJS.Signals) => {
    print(`\n${signal}: stopping the containers`)
    void letGo().finally(() => process.kill(process.pid, signal))
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.once(signal, interrupted)
  const forget = () => {
    for (const signal of signals) process.off(signal, interrupted)
  }
  Object.assign(globalThis, { [place]: { stack, forget } satisfies Kept })
}

/** Stops the stack of this run, if there is one. */
export async function letGo(): Promise<void> {
  const { [place]: kept } = globalThis as { readonly [place]?: Kept }
  kept?.forget()
  await kept?.stack.stop()
}
