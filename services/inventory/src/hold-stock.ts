import type { Sql } from '@troupe/core'
import type { Quantity } from './stock.ts'

/**
 * Holds all of it, or nothing.
 *
 * @param wanted each article once
 * @returns the first article of which there is not enough, or undefined
 */
export async function holdStock(sql: Sql, wanted: readonly Quantity[]): Promise<string | undefined> {
  const [only] = wanted
  if (only && wanted.length === 1) return holdOne(sql, only)
  const [skus, quantities] = [wanted.map(({ sku }) => sku), wanted.map(({ quantity }) => quantity)]
  // Locked in one order, so that no two orders wait for each other; what is seen then, nobody else can take.
  const [short] = await sql<{ sku: string }>`
    WITH locked AS (SELECT sku, free FROM stock WHERE sku = ANY (${skus}::text[]) ORDER BY sku FOR UPDATE)
    SELECT wanted.sku
    FROM unnest(${skus}::text[], ${quantities}::bigint[]) WITH ORDINALITY AS wanted(sku, quantity, place)
    LEFT JOIN locked ON locked.sku = wanted.sku
    WHERE coalesce(locked.free, 0) < wanted.quantity
    ORDER BY wanted.place LIMIT 1`
  if (short) return short.sku
  await sql`
    UPDATE stock SET free = free - wanted.quantity, held = held + wanted.quantity
    FROM unnest(${skus}::text[], ${quantities}::bigint[]) AS wanted(sku, quantity)
    WHERE stock.sku = wanted.sku`
  return undefined
}

/** Two orders for the last copy: one waits for the other, and then finds none. */
async function holdOne(sql: Sql, { sku, quantity }: Quantity): Promise<string | undefined> {
  const taken = await sql`
    UPDATE stock SET free = free - ${quantity}, held = held + ${quantity}
    WHERE sku = ${sku} AND free >= ${quantity}`
  return taken.count === 1 ? undefined : sku
}

/** In the order in which holding takes them. */
export async function giveBackStock(sql: Sql, held: readonly Quantity[]): Promise<void> {
  for (const { sku, quantity } of held.toSorted((one, other) => (one.sku < other.sku ? -1 : 1)))
    await sql`UPDATE stock SET free = free + ${quantity}, held = held - ${quantity} WHERE sku = ${sku}`
}
