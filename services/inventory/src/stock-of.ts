import type { Sql } from '@troupe/core'
import type { Stock } from './stock.ts'

/** What there is of an article; undefined for one that was never in stock. */
export async function stockOf({ sql }: { readonly sql: Sql }, sku: string): Promise<Stock | undefined> {
  const [row] = await sql<Row>`SELECT sku, free, held FROM stock WHERE sku = ${sku}`
  return row && stockIn(row)
}

/** Articles after this one, in the order of their names. */
export async function listStock(
  { sql }: { readonly sql: Sql },
  { after = '', limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<readonly { readonly key: string; readonly state: Stock }[]> {
  const rows =
    await sql<Row>`SELECT sku, free, held FROM stock WHERE sku > ${after} ORDER BY sku LIMIT ${limit}`
  return rows.map((row) => ({ key: row.sku, state: stockIn(row) }))
}

/** The driver gives a `bigint` as text. */
interface Row {
  readonly sku: string
  readonly free: string
  readonly held: string
}

function stockIn({ free, held }: Row): Stock {
  return { free: Number(free), held: Number(held) }
}
