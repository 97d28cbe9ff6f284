/** What the service reads of an order. */
export interface Order {
  readonly orderId: string
  readonly items: readonly { readonly sku: string; readonly quantity: number }[]
  readonly totalCents: number
  readonly currency: string
  readonly cardToken: string
  readonly shipTo: object
}

/** @throws for what is no order */
export function orderIn(value: Buffer | null): Order {
  const order = JSON.parse(String(value)) as Partial<Order> | null
  if (!order || typeof order.orderId !== 'string' || !Number.isSafeInteger(order.totalCents))
    throw new Error('it is no order')
  return order as Order
}

const limitCents = 500_000
const declined: ReadonlyMap<string, string> = new Map([
  ['tok_declined', 'card declined'],
  ['tok_expired', 'card expired'],
  ['tok_no_funds', 'insufficient funds'],
])

/** Why an order is not charged; undefined if it is. */
export function reasonToDecline({ totalCents, cardToken }: Order): string | undefined {
  if (totalCents < 0) return `not an amount: ${totalCents} cents`
  if (totalCents > limitCents) return `over the limit of ${limitCents} cents`
  return declined.get(cardToken)
}
