import { orderOf } from '@troupe/cli'
import type { Stage } from './stage.ts'

const sagaMsMax = 60_000

/**
 * Places one good order and waits until its end is seen on Kafka.
 *
 * @returns milliseconds from the POST to that moment
 * @throws the signal's reason, or a TimeoutError after a minute
 */
export async function oneSaga({ orders, observer, ecosystem }: Stage, signal: AbortSignal): Promise<number> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(sagaMsMax)])
  const endedAtMs = new Map<string, number>()
  const stopListening = observer.listen({
    ended: ({ id, events }) => endedAtMs.set(id, Math.max(...events.map(({ seenAtMs }) => seenAtMs))),
  })
  try {
    const postedAtMs = performance.now()
    const id = await orders.place(orderOf('good'), { signal: limit })
    const end = observer.until(() => endedAtMs.get(id), limit)
    return (await Promise.race([end, ecosystem.failed])) - postedAtMs
  } finally {
    stopListening()
  }
}
