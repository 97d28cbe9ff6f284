import { document } from '@troupe/core'
import { openingStock, type Stock } from '../stock.ts'

/** One article's stock, by sku. */
export const stock = document<Stock>({
  name: 'stock',
  initial: (sku) => ({ free: openingStock.get(sku) ?? 0, held: 0 }),
})

export function hold({ free, held }: Stock, quantity: number): Stock {
  return { free: free - quantity, held: held + quantity }
}

export function release({ free, held }: Stock, quantity: number): Stock {
  return { free: free + quantity, held: held - quantity }
}
