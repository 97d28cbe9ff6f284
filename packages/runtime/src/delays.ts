import { ExponentialBackoff } from 'cockatiel'

/** How long to wait before the next attempt. */
export interface Delays {
  nextMs(): number
}

/** Delays that grow, with decorrelated jitter. */
export function delaysOf({ firstMs, maxMs }: { readonly firstMs: number; readonly maxMs: number }): Delays {
  const factory = new ExponentialBackoff({ initialDelay: firstMs, maxDelay: maxMs })
  let current: ReturnType<typeof factory.next> | undefined
  return {
    nextMs() {
      current = current ? current.next(undefined) : factory.next()
      return current.duration
    },
  }
}
