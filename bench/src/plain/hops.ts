import { fileURLToPath } from 'node:url'
import { type Child, startChild } from '../processes/child.ts'
import { hopCount } from './topics.ts'

/** The four processes. */
export interface Hops {
  readonly pids: Readonly<Record<string, number | undefined>>
  /** Rejects when one ends although nobody stopped it; else stays pending. */
  readonly failed: Promise<never>
  stop(): Promise<void>
}

/** Starts them, and waits until each has joined its group. @throws if one ends before */
export async function startHops(broker: string, signal: AbortSignal): Promise<Hops> {
  const main = fileURLToPath(import.meta.resolve('./hop-process.js'))
  const starts = await Promise.allSettled(
    Array.from({ length: hopCount }, (_, hop) =>
      startChild({ name: `hop ${hop + 1}`, main, words: [broker, String(hop)], signal }),
    ),
  )
  const hops = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  // There is nothing to lose: nobody reads what they would still hand on.
  const stop = async () => void (await Promise.all(hops.map((hop: Child) => hop.kill())))
  const refused = starts.find((start) => start.status === 'rejected')
  if (refused) {
    await stop()
    throw refused.reason
  }
  const failed = Promise.race(hops.map((hop) => hop.failed))
  failed.catch(() => {})
  return { pids: Object.fromEntries(hops.map(({ name, pid }) => [name, pid])), failed, stop }
}
