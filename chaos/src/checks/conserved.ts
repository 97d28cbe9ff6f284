import { openingStock } from '@troupe-demo/inventory'
import type { Evidence } from './evidence.ts'

/** Money and stock, by the services' books alone: what was kept was sold, what is held was sold, nothing left the shelves. */
export function* conserved({ ledgers }: Evidence): Generator<string> {
  const of = (service: string, kind: string) =>
    (ledgers.get(service)?.documents ?? []).filter((row) => row.kind === kind)
  const completed = of('order', 'order-status').filter(({ state }) => state['state'] === 'completed')
  const sold = sum(completed, ({ state }) => (state['details'] as Details).totalCents)
  const kept = sum(
    of('payment', 'charge'),
    ({ state }) => Number(state['chargedCents']) - Number(state['refundedCents']),
  )
  if (sold !== kept) yield `Completed orders cost ${sold} cents, and payment kept ${kept}.`

  const pieces = sum(completed, ({ state }) =>
    sum((state['details'] as Details).items, ({ quantity }) => quantity),
  )
  const stocks = of('inventory', 'stock')
  const held = sum(stocks, ({ state }) => Number(state['held']))
  if (pieces !== held) yield `Completed orders have ${pieces} pieces, and inventory holds ${held}.`
  for (const { key, state } of stocks) {
    const [free, itsHeld] = [Number(state['free']), Number(state['held'])]
    const opening = openingStock.get(key) ?? 0
    if (free + itsHeld !== opening)
      yield `There were ${opening} of ${key}; now ${free} are free and ${itsHeld} held.`
    if (free < 0 || itsHeld < 0) yield `Of ${key}, ${free} are free and ${itsHeld} held.`
  }

  const scheduled = of('shipping', 'shipment').filter(({ state }) => state['state'] === 'scheduled').length
  if (scheduled !== completed.length) {
    yield `${completed.length} orders were completed, and ${scheduled} shipments scheduled.`
  }
}

interface Details {
  readonly totalCents: number
  readonly items: readonly { readonly quantity: number }[]
}

function sum<One>(all: readonly One[], of: (one: One) => number): number {
  return all.reduce((total, one) => total + of(one), 0)
}
