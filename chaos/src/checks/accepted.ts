import { countOf, type Evidence } from './evidence.ts'

/** Accepted inputs = effects: every order that a client was told of is there once, and no other. */
export function* accepted({ orders, ledgers, eventsBySaga }: Evidence): Generator<string> {
  const stored = new Set(
    ledgers
      .get('order')
      ?.documents.filter(({ kind }) => kind === 'order-status')
      .map(({ key }) => key),
  )
  const answered = new Set<string>()
  for (const { idempotencyKey, answers } of orders) {
    const ids = new Set(answers)
    if (ids.size === 0) yield `The order with the key ${idempotencyKey} was never answered.`
    if (ids.size > 1) yield `The key ${idempotencyKey} was answered with ${[...ids].join(' and ')}.`
    for (const id of ids) {
      if (answered.has(id)) yield `Order ${id} was the answer to two keys, ${idempotencyKey} is one.`
      answered.add(id)
      if (!stored.has(id)) yield `Order ${id} was accepted, and the order service does not know it.`
      const begun = countOf(eventsBySaga.get(id), 'OrderReceived')
      if (begun !== 1) yield `Order ${id} was accepted, and OrderReceived was published ${begun} times.`
    }
  }
  for (const id of stored) if (!answered.has(id)) yield `Order ${id} is stored, and nobody asked for it.`
  for (const id of eventsBySaga.keys()) {
    if (!stored.has(id)) yield `Saga ${id} has events, and the order service does not know it.`
  }
}
