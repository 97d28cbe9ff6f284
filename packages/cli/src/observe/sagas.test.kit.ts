import type { Event } from '@troupe/core'
import { expectations, type OrderKind } from '../stories/orders.ts'
import type { Saga, SeenEvent } from './saga.ts'

const owners: ReadonlyMap<string, string> = new Map([
  ['Order', 'order'],
  ['Payment', 'payment'],
  ['Inventory', 'inventory'],
  ['Shipping', 'shipping'],
])

/** Something that was seen; what is not given is plausible. */
export function seen(
  given: Partial<Event> & { readonly type: string },
  seenAtMs = 0,
  isHistory = false,
): SeenEvent {
  const source = [...owners].find(([prefix]) => given.type.startsWith(prefix))?.[1] ?? 'other'
  const event: Event = {
    id: given.type,
    source,
    timeMs: 0,
    key: 'o1',
    correlationId: 'o1',
    causationId: undefined,
    traceparent: undefined,
    tracestate: undefined,
    data: { items: [], amountCents: 0, currency: 'EUR' },
    ...given,
  }
  return { event, seenAtMs, isHistory }
}

/** The events of one saga, each caused by the one before it, one every 10 ms. */
export function chain(types: readonly string[], sagaId = 'o1', fromMs = 0): readonly SeenEvent[] {
  return types.map((type, at) =>
    seen(
      {
        id: `${sagaId}/${type}/${at}`,
        type,
        correlationId: sagaId,
        causationId: at === 0 ? undefined : `${sagaId}/${types[at - 1]}/${at - 1}`,
      },
      fromMs + at * 10,
    ),
  )
}

/** A saga that went as an order of this kind must go. */
export function sagaOf(kind: OrderKind, id = 'o1', fromMs = 0): Saga {
  return { id, events: chain(expectations[kind].events, id, fromMs) }
}
