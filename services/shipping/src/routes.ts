import { pageAs, pageOf, type Readable, readOr404 } from '@troupe/runtime'
import type { FastifyInstance } from 'fastify'
import { type Shipment, shipment } from './shipment.ts'

/** Shipping's HTTP API: what is on its way, and what could not be sent. */
export function routes(http: FastifyInstance, running: Readable): void {
  http.get('/shipments', async ({ query }) => {
    const page = pageOf(query)
    return pageAs(await running.list(shipment, page), page, show)
  })

  http.get<{ Params: { orderId: string } }>('/shipments/:orderId', async ({ params: { orderId } }) =>
    show(orderId, await readOr404(running, shipment, orderId, ({ state }) => state !== 'none')),
  )
}

function show(orderId: string, state: Shipment) {
  if (state.state !== 'scheduled') return { orderId, ...state }
  const { deliverByMs, ...rest } = state
  return { orderId, ...rest, deliverBy: new Date(deliverByMs).toISOString() }
}
