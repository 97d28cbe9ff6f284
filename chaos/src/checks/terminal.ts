import { type Evidence, isAbandoned } from './evidence.ts'

/** Every saga has ended, nothing waits to be published, every step is where its saga's end leaves it. */
export function* terminal({ ledgers, eventsBySaga }: Evidence): Generator<string> {
  const ends = new Map<string, string>()
  for (const { kind, key, state } of ledgers.get('order')?.documents ?? []) {
    if (kind !== 'order-status') continue
    const end = String(state['state'])
    ends.set(key, end)
    if (end !== 'completed' && end !== 'cancelled') yield `Order ${key} is ${end}.`
  }
  for (const [service, { outbox, steps }] of ledgers) {
    if (outbox.length > 0)
      yield `${service} has ${outbox.length} events in its outbox: ${outbox.slice(0, 3).join(', ')} …`
    for (const { saga, step, state } of steps) {
      const expected = ends.get(saga) === 'completed' ? 'done' : 'undone'
      if (state === 'barred' && isAbandoned(eventsBySaga.get(saga))) continue
      if (state !== expected)
        yield `Step ${step} of saga ${saga}, ${ends.get(saga) ?? 'unknown'}, is ${state}.`
    }
  }
}
