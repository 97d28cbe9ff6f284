import { pause } from '@troupe/core'
import { ExponentialBackoff } from 'cockatiel'

export interface BackoffOptions {
  readonly initialDelayMs: number
  readonly maxDelayMs: number
}

/** Waits longer each time, with jitter, until it is reset. */
export interface Backoff {
  /** How often it has waited since the last reset. */
  readonly attempts: number
  /** Resolves after the next delay, or at once when the signal aborts. Never rejects. */
  wait(signal: AbortSignal): Promise<void>
  reset(): void
}

/** cockatiel's delays (decorrelated jitter), with a wait that a stop can cut short. */
export function createBackoff({ initialDelayMs, maxDelayMs }: BackoffOptions): Backoff {
  const factory = new ExponentialBackoff({ initialDelay: initialDelayMs, maxDelay: maxDelayMs })
  let current: ReturnType<typeof factory.next> | undefined
  let attempts = 0
  return {
    get attempts() {
      return attempts
    },
    async wait(signal) {
      attempts += 1
      current = current ? current.next(undefined) : factory.next()
      await pause(current.duration, signal)
    },
    reset() {
      attempts = 0
      current = undefined
    },
  }
}
