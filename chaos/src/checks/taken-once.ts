import type { Evidence } from './evidence.ts'

/**
 * Money that left a card, by the gateway's own book: once for each order that payment knows to be charged, in
 * full, and given back exactly where payment gave back.
 */
export function* takenOnce({ ledgers, taken }: Evidence): Generator<string> {
  const charges = new Map(
    (ledgers.get('payment')?.documents ?? [])
      .filter(({ kind }) => kind === 'charge')
      .map(({ key, state }) => [key, state]),
  )
  const taking = new Set<string>()
  for (const { id, order, chargedCents, refundedCents } of taken) {
    if (taking.has(order)) {
      yield `The gateway took money for order ${order} more than once; ${id} is not the first.`
      continue
    }
    taking.add(order)
    const charge = charges.get(order)
    const [known, givenBack] = [Number(charge?.['chargedCents'] ?? 0), Number(charge?.['refundedCents'] ?? 0)]
    if (chargedCents !== known)
      yield `The gateway took ${chargedCents} cents for order ${order}; payment knows of ${known}.`
    if (refundedCents !== givenBack)
      yield `The gateway gave ${refundedCents} cents back for order ${order}; payment knows of ${givenBack}.`
  }
  for (const [order, { state }] of charges) {
    if (state !== 'declined' && state !== 'none' && !taking.has(order))
      yield `Payment has charged order ${order}, of which the gateway knows nothing.`
  }
}
