import {
  checked,
  pageAs,
  pageOf,
  problem,
  type Readable,
  readOr404,
  type RunningService,
} from '@troupe/runtime'
import type { FastifyInstance } from 'fastify'
import { orderRequest } from './order-request.ts'
import { type OrderStatus, orderStatus } from './order-status.ts'
import { placeOrder } from './place-order.ts'

const bodyBytesMax = 65_536

/** Order's HTTP API: orders come in here, and here is asked how far they have come. */
export function routes(http: FastifyInstance, running: Readable & Pick<RunningService, 'decide'>): void {
  // Without this, a body of plain text would be taken for a string and refused for the wrong reason.
  http.removeContentTypeParser('text/plain')

  http.post('/orders', { bodyLimit: bodyBytesMax }, async ({ body, headers }, reply) => {
    const input = checked(orderRequest, body, 'body')
    const placed = await running.decide(placeOrder, input, idempotencyOf(headers['idempotency-key']))
    return reply.code(202).header('location', `/orders/${placed.orderId}`).send(placed)
  })

  http.get('/orders', async ({ query }) => {
    const page = pageOf(query)
    return pageAs(await running.list(orderStatus, page), page, show)
  })

  http.get<{ Params: { orderId: string } }>('/orders/:orderId', async ({ params: { orderId } }) =>
    show(orderId, await readOr404(running, orderStatus, orderId, ({ state }) => state !== 'unknown')),
  )
}

function show(orderId: string, { state, reason, details, history }: OrderStatus) {
  return {
    orderId,
    state,
    reason,
    ...details,
    history: history.map(({ atMs, ...entry }) => ({ ...entry, at: new Date(atMs).toISOString() })),
  }
}

function idempotencyOf(header: string | readonly string[] | undefined): { readonly idempotencyKey?: string } {
  if (header === undefined) return {}
  if (typeof header === 'string' && /^[\x21-\x7e]{1,200}$/.test(header)) return { idempotencyKey: header }
  const detail = 'An idempotency key has 1 to 200 visible ASCII characters, such as a UUID.'
  throw problem({ status: 400, detail, errors: [{ detail, header: 'idempotency-key' }] })
}
