import { flawOfName } from '@troupe/core'
import { pageAs, pageOf, problem, type RunningService } from '@troupe/runtime'
import type { FastifyInstance } from 'fastify'
import type { Stock } from './stock.ts'
import { listStock, stockOf } from './stock-of.ts'

/** Inventory's HTTP API: what is free and what is held, article by article. */
export function routes(http: FastifyInstance, running: Pick<RunningService, 'sql'>): void {
  http.get('/stock', async ({ query }) => {
    const page = pageOf(query)
    return pageAs(await listStock(running, page), page, show)
  })

  http.get<{ Params: { sku: string } }>('/stock/:sku', async ({ params: { sku } }) => {
    const found = flawOfName(sku) === undefined ? await stockOf(running, sku) : undefined
    if (!found) throw problem({ status: 404, detail: `There is no stock for ${JSON.stringify(sku)}.` })
    return show(sku, found)
  })
}

function show(sku: string, { free, held }: Stock) {
  return { sku, free, held }
}
