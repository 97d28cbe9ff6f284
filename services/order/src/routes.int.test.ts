import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { TroupeError } from '@troupe/core'
import { notFoundHandler, problemHandler, type Readable, type RunningService } from '@troupe/runtime'
import { type FastifyInstance, fastify } from 'fastify'
import type { OrderStatus } from './order-status.ts'
import { routes } from './routes.ts'

const body = {
  customerId: 'customer-456',
  items: [{ sku: 'book', quantity: 2, priceCents: 1_250 }],
  cardToken: 'tok_visa',
  shipTo: { country: 'DE' },
}
const json = { 'content-type': 'application/json' }
const placedAt: OrderStatus = {
  state: 'placed',
  details: { customerId: 'c1', items: [], totalCents: 0, currency: 'EUR' },
  history: [{ event: 'OrderReceived', state: 'placed', atMs: 0 }],
}

/** What the routes asked of the service, and what it answers. */
let asked: { input: unknown; options: unknown }[]
let decides: () => unknown
let logged: string[]
let http: FastifyInstance
let url: string

beforeEach(async () => {
  asked = []
  decides = () => ({ orderId: 'o1', state: 'placed' })
  logged = []
  const running: Readable & Pick<RunningService, 'decide'> = {
    decide: async (_command, input, options) => {
      asked.push({ input, options })
      return decides() as never
    },
    read: async (ref) => (ref.key === 'o1' ? (placedAt as never) : ref.document.initial(ref.key)),
    list: async (_type, { after = '', limit = 100 } = {}) =>
      ['o1', 'o2', 'o3']
        .filter((key) => key > after)
        .slice(0, limit)
        .map((key) => ({ key, state: placedAt as never })),
  }
  const say = (_facts: object, message: string): void => void logged.push(message)
  const handler = problemHandler({ debug: say, info: say, warn: say, error: say })
  http = fastify({ frameworkErrors: handler, forceCloseConnections: true })
  http.setErrorHandler(handler)
  http.setNotFoundHandler(notFoundHandler)
  routes(http, running)
  url = await http.listen({ host: '127.0.0.1', port: 0 })
})
afterEach(() => http.close())

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: Record<string, unknown> & {
    readonly errors?: readonly { readonly pointer?: string; readonly parameter?: string }[]
    readonly items?: readonly { readonly orderId: string }[]
  }
}

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${url}${path}`, init)
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: JSON.parse(text) as Answer['json'],
  }
}

const post = (payload: unknown, headers: Record<string, string> = json) =>
  ask('/orders', {
    method: 'POST',
    headers,
    body: typeof payload === 'string' ? payload : JSON.stringify(payload),
  })

function expectProblem(answer: Answer, status: number): void {
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toContain('application/problem+json')
  expect(answer.json).toMatchObject({ type: 'about:blank', status, detail: expect.stringMatching(/\.$/) })
}

describe('POST /orders', () => {
  it('takes an order in and says where to look for it', async () => {
    const answer = await post(body)
    expect(answer.status).toBe(202)
    expect(answer.headers.get('location')).toBe('/orders/o1')
    expect(answer.json).toEqual({ orderId: 'o1', state: 'placed' })
    const address = { country: 'DE', name: '', street: '', city: '', postalCode: '' }
    expect(asked).toEqual([{ input: { ...body, currency: 'EUR', shipTo: address }, options: {} }])
  })

  it('takes an address of which parts are empty', async () => {
    expect((await post({ ...body, shipTo: { country: 'DE', street: '', city: 'Ulm' } })).status).toBe(202)
  })

  it('hands the idempotency key on', async () => {
    await post(body, { ...json, 'idempotency-key': 'a-key' })
    expect(asked[0]?.options).toEqual({ idempotencyKey: 'a-key' })
  })

  it.each([
    ['no customer', { ...body, customerId: undefined }, '#/customerId'],
    ['an empty customer', { ...body, customerId: '' }, '#/customerId'],
    ['a customer of 101 characters', { ...body, customerId: 'c'.repeat(101) }, '#/customerId'],
    ['a NUL character', { ...body, customerId: 'a\0b' }, '#/customerId'],
    ['half of a surrogate pair', { ...body, customerId: '\ud800' }, '#/customerId'],
    ['no items', { ...body, items: [] }, '#/items'],
    ['101 lines', { ...body, items: Array.from({ length: 101 }, () => body.items[0]) }, '#/items'],
    [
      'a quantity of none',
      { ...body, items: [{ sku: 'book', quantity: 0, priceCents: 1 }] },
      '#/items/0/quantity',
    ],
    [
      'a broken quantity',
      { ...body, items: [{ sku: 'book', quantity: 1.5, priceCents: 1 }] },
      '#/items/0/quantity',
    ],
    [
      'a quantity in words',
      { ...body, items: [{ sku: 'book', quantity: '1', priceCents: 1 }] },
      '#/items/0/quantity',
    ],
    [
      'a price below nothing',
      { ...body, items: [{ sku: 'book', quantity: 1, priceCents: -1 }] },
      '#/items/0/priceCents',
    ],
    [
      'a price beyond reason',
      { ...body, items: [{ sku: 'book', quantity: 1, priceCents: 2 ** 53 }] },
      '#/items/0/priceCents',
    ],
    ['a currency in small letters', { ...body, currency: 'eur' }, '#/currency'],
    ['a country in words', { ...body, shipTo: { country: 'Germany' } }, '#/shipTo/country'],
    ['a card number', { ...body, cardToken: '4111111111111111' }, '#/cardToken'],
    ['a card number dressed up as a token', { ...body, cardToken: 'tok_4111111111111111' }, '#/cardToken'],
    ['a field that nobody knows', { ...body, 'gift/wrap~': true }, '#/gift~1wrap~0'],
    ['a list', [], '#'],
    ['null', null, '#'],
  ])('refuses %s, and points at it', async (_case, wrong, pointer) => {
    const answer = await post(wrong)
    expectProblem(answer, 400)
    expect(answer.json.errors?.map((error) => error.pointer)).toContain(pointer)
    expect(asked).toEqual([])
  })

  it('does not repeat what may be a card number', async () => {
    expect((await post({ ...body, cardToken: '4111111111111111' })).text).not.toContain('4111')
  })

  it.each([
    ['bad JSON', '{"customerId":', json, 400],
    ['no body', '', json, 400],
    ['a poisoned prototype', '{"__proto__":{"x":1}}', json, 400],
    ['plain text', 'an order, please', { 'content-type': 'text/plain' }, 415],
    ['XML', '<order/>', { 'content-type': 'application/xml' }, 415],
    ['too much', JSON.stringify({ ...body, customerId: 'c'.repeat(70_000) }), json, 413],
    [
      'an idempotency key that is too long',
      JSON.stringify(body),
      { ...json, 'idempotency-key': 'k'.repeat(201) },
      400,
    ],
    ['an idempotency key with a space', JSON.stringify(body), { ...json, 'idempotency-key': 'a key' }, 400],
  ])('refuses %s with a problem', async (_case, payload, headers, status) => {
    const answer = await post(payload, headers)
    expectProblem(answer, status)
    expect(asked).toEqual([])
  })

  it('answers 422 where a key comes again with another order', async () => {
    decides = () => {
      throw new TroupeError('TROUPE_IDEMPOTENCY_KEY_REUSED', 'The key was used before. Use a new one.')
    }
    const answer = await post(body, { ...json, 'idempotency-key': 'k' })
    expect(answer.status).toBe(422)
    expect(answer.json).toMatchObject({
      title: 'Idempotency key reused',
      detail: 'The key was used before. Use a new one.',
    })
  })

  it.each(['TROUPE_DATABASE_UNREACHABLE', 'TROUPE_STOPPED'] as const)(
    'asks to try again on %s',
    async (code) => {
      decides = () => {
        throw new TroupeError(code, 'postgres://order:secret@db does not answer.')
      }
      const answer = await post(body)
      expect(answer.status).toBe(503)
      expect(answer.headers.get('retry-after')).toBe('1')
      expect(answer.text).not.toContain('secret')
    },
  )

  it('logs its own faults and tells nobody outside', async () => {
    decides = () => {
      throw new Error('secret')
    }
    const answer = await post(body)
    expect(answer.status).toBe(500)
    expect(answer.text).not.toContain('secret')
    expect(logged).toEqual(['POST /orders failed: secret'])
  })
})

describe('GET /orders/:id', () => {
  it('tells how far an order has come', async () => {
    const answer = await ask('/orders/o1')
    expect(answer.status).toBe(200)
    expect(answer.json).toEqual({
      orderId: 'o1',
      state: 'placed',
      customerId: 'c1',
      items: [],
      totalCents: 0,
      currency: 'EUR',
      history: [{ event: 'OrderReceived', state: 'placed', at: '1970-01-01T00:00:00.000Z' }],
    })
  })

  it.each(['/orders/o9', '/orders/a%00b', '/nothing', '/orders/o1/items'])(
    'answers 404 on %s',
    async (url) => {
      const answer = await ask(url)
      expectProblem(answer, 404)
    },
  )

  it('answers a path that is no path with a problem', async () => {
    for (const [url, status] of [
      ['/orders/%ZZ', 400],
      [`/orders/${'o'.repeat(500)}`, 414],
    ] as const) {
      const answer = await ask(url)
      expectProblem(answer, status)
    }
  })
})

describe('GET /orders', () => {
  it('gives page after page', async () => {
    const { json: first } = await ask('/orders?limit=2')
    expect(first.items?.map(({ orderId }) => orderId)).toEqual(['o1', 'o2'])
    expect(first['next']).toBe('o2')
    const { json: last } = await ask(`/orders?limit=2&after=${String(first['next'])}`)
    expect(last.items?.map(({ orderId }) => orderId)).toEqual(['o3'])
    expect(last['next']).toBeNull()
  })

  it.each(['limit=0', 'limit=1001', 'limit=many', 'limit=', 'limit=1&limit=2', 'after=', 'after=a%00b'])(
    'refuses ?%s, and names the parameter',
    async (query) => {
      const answer = await ask(`/orders?${query}`)
      expect(answer.status).toBe(400)
      expect(answer.json.errors?.map(({ parameter }) => parameter)).toEqual([
        query.slice(0, query.indexOf('=')),
      ])
    },
  )
})
