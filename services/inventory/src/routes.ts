import { pageAs, pageOf, type Readable, readOr404 } from '@troupe/runtime'
import type { FastifyInstance } from 'fastify'
import { openingStock, type Stock, stock } from './stock.ts'

/** Inventory's HTTP API: what is free and what is held, article by article. */
export function routes(http: FastifyInstance, running: Readable): void {
  http.get('/stock', async ({ query }) => {
    const page = pageOf(query)
    return pageAs(withUntouched(await running.list(stock, page), page), page, show)
  })

  http.get<{ Params: { sku: string } }>('/stock/:sku', async ({ params: { sku } }) =>
    show(
      sku,
      await readOr404(running, stock, sku, ({ free, held }) => openingStock.has(sku) || free + held > 0),
    ),
  )
}

type Listed = readonly { readonly key: string; readonly state: Stock }[]

/** Adds the articles that nobody has touched yet: they are not stored. */
function withUntouched(
  stored: Listed,
  { after = '', limit }: { readonly after?: string; readonly limit: number },
): Listed {
  const touched = new Set(stored.map(({ key }) => key))
  const untouched = [...openingStock]
    .filter(([sku]) => sku > after && !touched.has(sku))
    .map(([sku, free]) => ({ key: sku, state: { free, held: 0 } }))
  return [...stored, ...untouched].sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit)
}

function show(sku: string, { free, held }: Stock) {
  return { sku, free, held }
}
