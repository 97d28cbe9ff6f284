import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
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
  const hops = Array.from({ length: hopCount }, (_, hop) =>
    fork(main, [broker, String(hop)], { stdio: ['ignore', 2, 2, 'ipc'] }),
  )
  let isStopping = false
  const failed = new Promise<never>((_resolve, reject) => {
    for (const [hop, child] of hops.entries()) {
      child.once('error', reject)
      child.once('exit', (code) => {
        if (!isStopping) reject(new Error(`hop ${hop} of the plain chain ended (exit code ${code}).`))
      })
    }
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
  // Whoever awaits it hears of it.
  failed.catch(() => {})
  const stop = async () => {
    isStopping = true
    await Promise.all(hops.map(ended))
  }
  try {
    await Promise.race([Promise.all(hops.map(joined)), failed])
  } catch (error) {
    await stop()
    throw error
  }
  return { pids: Object.fromEntries(hops.map(({ pid }, hop) => [`hop ${hop + 1}`, pid])), failed, stop }
}

function joined(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('message', () => resolve()))
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    // There is nothing to lose: nobody reads what it would still hand on.
    child.kill('SIGKILL')
  })
}
