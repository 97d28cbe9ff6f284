import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { notFoundHandler, problemHandler, type Readable } from '@troupe/runtime'
import { type FastifyInstance, fastify } from 'fastify'
import { routes } from './routes.ts'
import { openingStock } from './stock.ts'

const stored = { free: 3, held: 2 }
const shown = { sku: 'book', free: 3, held: 2 }

const running: Readable = {
  read: async (ref) => (ref.key === 'book' ? (stored as never) : ref.document.initial(ref.key)),
  list: async (_type, { after = '' } = {}) =>
    'book' > after ? [{ key: 'book', state: stored as never }] : [],
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

describe('GET /stock', () => {
  it('lists every article, page by page, also those that nobody has touched', async () => {
    const skus = [...openingStock.keys()].sort()
    const seen: unknown[] = []
    for (let after: string | null = '', pages = 0; after !== null && pages <= skus.length; pages++) {
      const { json } = await ask(`/stock?limit=2${after === '' ? '' : `&after=${after}`}`)
      const { items, next } = json as { items: unknown[]; next: string | null }
      expect(items.length).toBeLessThanOrEqual(2)
      seen.push(...items)
      after = next
    }
    expect(seen).toEqual(
      skus.map((sku) => (sku === 'book' ? shown : { sku, free: openingStock.get(sku), held: 0 })),
    )
  })

  it('refuses a page that cannot be', async () => {
    expect(await ask('/stock?limit=0')).toMatchObject({
      status: 400,
      json: { errors: [{ parameter: 'limit' }] },
    })
  })

  it('tells of one', async () => {
    expect(await ask('/stock/book')).toEqual({ status: 200, json: shown })
  })

  it('tells of one that nobody has touched', async () => {
    expect(await ask('/stock/sold-out')).toEqual({ status: 200, json: { sku: 'sold-out', free: 0, held: 0 } })
  })

  it.each(['unheard-of', 'a%00b', '__proto__'])('answers 404 for %s', async (key) => {
    expect(await ask(`/stock/${key}`)).toMatchObject({ status: 404, json: { title: 'Not Found' } })
  })
})
