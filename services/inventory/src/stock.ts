/** What the shelves hold on the first day. An article that is not in here is out of stock. */
export const openingStock: ReadonlyMap<string, number> = new Map([
  ['book', 1_000_000],
  ['lamp', 50_000],
  ['pen', 1_000_000],
  ['rare-print', 1],
  ['sold-out', 0],
])

/** One article. What is neither free nor held has left the house. */
export interface Stock {
  readonly free: number
  readonly held: number
}

export interface Quantity {
  readonly sku: string
  readonly quantity: number
}

/** Each article once, with the sum of its lines. */
export function perSku(items: readonly Quantity[]): readonly Quantity[] {
  const sums = new Map<string, number>()
  for (const { sku, quantity } of items) sums.set(sku, (sums.get(sku) ?? 0) + quantity)
  return [...sums].map(([sku, quantity]) => ({ sku, quantity }))
}
