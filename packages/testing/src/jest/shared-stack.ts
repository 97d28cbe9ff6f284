import type { RealStack } from '../testcontainers/start-real-stack.ts'

// Jest loads set-up and tear-down apart from each other, maybe twice: what they share lives on the process.
const place = Symbol.for('troupe.shared-stack')

interface Kept {
  readonly stack: RealStack
  readonly forget: () => void
}

/** Keeps the stack of this run for {@link letGo}. */
export function keep(stack: RealStack, forget: () => void): void {
  Object.assign(globalThis, { [place]: { stack, forget } satisfies Kept })
}

/** Stops the stack of this run, if there is one. */
export async function letGo(): Promise<void> {
  const { [place]: kept } = globalThis as { readonly [place]?: Kept }
  kept?.forget()
  await kept?.stack.stop()
}
