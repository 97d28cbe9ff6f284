import { pageAs, pageOf, type Readable, readOr404 } from '@troupe/runtime'
import type { FastifyInstance } from 'fastify'
import { type Charge, charge } from './charge.ts'

/** Payment's HTTP API: what was charged and what was given back. */
export function routes(http: FastifyInstance, running: Readable): void {
  http.get('/payments', async ({ query }) => {
    const page = pageOf(query)
    return pageAs(await running.list(charge, page), page, show)
  })

  http.get<{ Params: { orderId: string } }>('/payments/:orderId', async ({ params: { orderId } }) =>
    show(orderId, await readOr404(running, charge, orderId, ({ state }) => state !== 'none')),
  )
}

function show(orderId: string, { state, chargedCents, refundedCents, currency, reason }: Charge) {
  return { orderId, state, chargedCents, refundedCents, currency, reason }
}
