import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { notFoundHandler, problemHandler, type Readable } from '@troupe/runtime'
import { type FastifyInstance, fastify } from 'fastify'
import { routes } from './routes.ts'

const stored = { state: 'scheduled', shipmentId: 's1', country: 'DE', deliverByMs: 0 }
const shown = {
  orderId: 'o1',
  state: 'scheduled',
  shipmentId: 's1',
  country: 'DE',
  deliverBy: '1970-01-01T00:00:00.000Z',
}

const running: Readable = {
  read: async (ref) => (ref.key === 'o1' ? (stored as never) : ref.document.initial(ref.key)),
  list: async (_type, { after = '' } = {}) => ('o1' > after ? [{ key: 'o1', state: stored as never }] : []),
}
let http: FastifyInstance
let url: string

beforeEach(async () => {
  const handler = problemHandler({ debug() {}, info() {}, warn() {}, error() {} })
  http = fastify({ frameworkErrors: handler, forceCloseConnections: true })
  http.setErrorHandler(handler)
  http.setNotFoundHandler(notFoundHandler)
  routes(http, running)
  url = await http.listen({ host: '127.0.0.1', port: 0 })
})
afterEach(() => http.close())

async function ask(path: string): Promise<{ readonly status: number; readonly json: unknown }> {
  const response = await fetch(`${url}${path}`)
  return { status: response.status, json: await response.json() }
}

describe('GET /shipments', () => {
  it('lists by key, page by page', async () => {
    expect(await ask('/shipments')).toEqual({ status: 200, json: { items: [shown], next: null } })
    expect(await ask('/shipments?limit=1')).toEqual({ status: 200, json: { items: [shown], next: 'o1' } })
    expect(await ask('/shipments?after=o1')).toEqual({ status: 200, json: { items: [], next: null } })
  })

  it('refuses a page that cannot be', async () => {
    expect(await ask('/shipments?limit=0')).toMatchObject({
      status: 400,
      json: { errors: [{ parameter: 'limit' }] },
    })
  })

  it('tells of one', async () => {
    expect(await ask('/shipments/o1')).toEqual({ status: 200, json: shown })
  })

  it.each(['unheard-of', 'a%00b', '__proto__'])('answers 404 for %s', async (key) => {
    expect(await ask(`/shipments/${key}`)).toMatchObject({ status: 404, json: { title: 'Not Found' } })
  })
})
