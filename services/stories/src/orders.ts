import type { OrderRequest } from '@troupe-demo/order'

/** An order that completes, but for what `change` says. */
export function orderFor(change: Partial<OrderRequest> = {}): OrderRequest {
  return {
    customerId: 'customer-456',
    items: [{ sku: 'book', quantity: 2, priceCents: 1_250 }],
    currency: 'EUR',
    cardToken: 'tok_visa',
    shipTo: { country: 'DE', name: 'Ada', street: 'Am Markt 1', city: 'Jena', postalCode: '07743' },
    ...change,
  }
}

export const declinedCard: Partial<OrderRequest> = { cardToken: 'tok_declined' }
export const outOfStock: Partial<OrderRequest> = {
  items: [{ sku: 'sold-out', quantity: 1, priceCents: 900 }],
}
export const notServed: Partial<OrderRequest> = {
  shipTo: { country: 'AQ', name: 'Ada', street: 'Pole 1', city: 'South', postalCode: '1' },
}
export const overTheLimit: Partial<OrderRequest> = {
  items: [{ sku: 'lamp', quantity: 100, priceCents: 6_900 }],
}
