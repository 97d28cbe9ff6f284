import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { notFoundHandler, problemHandler } from '@troupe/runtime'
import { EventTestHarness, specifyOn, type TableChecked, type TableScenario } from '@troupe/testing'
import { InventoryReserved, PaymentProcessed } from '@troupe-demo/schemas'
import { type FastifyInstance, fastify } from 'fastify'
import {
  behavesAsInventory,
  ids,
  reservationId,
  type Said,
  type Story,
} from './inventory.behaviour.test.kit.ts'
import { inventory } from './inventory.ts'
import { routes } from './routes.ts'
import { openingStock } from './stock.ts'

function story(scenario: TableScenario): Story {
  return {
    stocked: (sku, { free, held }) =>
      story(
        scenario.given(
          (sql) => sql`
            INSERT INTO stock (sku, free, held) VALUES (${sku}, ${free}, ${held})
            ON CONFLICT (sku) DO UPDATE SET free = excluded.free, held = excluded.held`,
        ),
      ),
    given: (event, options) => story(scenario.given(event, options)),
    when: (event, options) => ({
      emits: (...expected) => said(scenario.when(event, options).then(...expected)),
    }),
  }
}

function said(checked: TableChecked): Said {
  return {
    ...story(checked),
    leaves: (sku, state) =>
      said(
        checked.thenRows((sql) => sql`SELECT free::int, held::int FROM stock WHERE sku = ${sku}`, [state]),
      ),
    ends: (ending) => said(checked.thenOutcome(ending)),
    told: async () => void (await checked),
  }
}

behavesAsInventory({
  name: 'on a table',
  async open() {
    const specification = await specifyOn(inventory, { ids })
    return { story: story(specification), close: () => specification.close() }
  },
})

describe('GET /stock', () => {
  const book = { sku: 'book', free: (openingStock.get('book') ?? 0) - 2, held: 2 }
  let http: FastifyInstance
  let url: string
  let harness: EventTestHarness

  beforeAll(async () => {
    harness = await EventTestHarness.start({ services: [inventory], timeoutMs: 60_000 })
    const items = [{ sku: 'book', quantity: 2 }]
    const paid = { orderId: 'o1', paymentId: reservationId, amountCents: 1_000, items }
    await harness.publish(PaymentProcessed({ ...paid, shipTo: { country: 'DE' } }))
    await harness.expectEvent(InventoryReserved)
    const handler = problemHandler({ debug() {}, info() {}, warn() {}, error() {} })
    http = fastify({ frameworkErrors: handler, forceCloseConnections: true })
    http.setErrorHandler(handler)
    http.setNotFoundHandler(notFoundHandler)
    routes(http, harness.service('inventory'))
    url = await http.listen({ host: '127.0.0.1', port: 0 })
  })
  afterAll(async () => {
    await http?.close()
    await harness?.stop()
  })

  async function ask(path: string): Promise<{ readonly status: number; readonly json: unknown }> {
    const response = await fetch(`${url}${path}`)
    return { status: response.status, json: await response.json() }
  }

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
      skus.map((sku) => (sku === 'book' ? book : { sku, free: openingStock.get(sku), held: 0 })),
    )
  })

  it('refuses a page that cannot be', async () => {
    expect(await ask('/stock?limit=0')).toMatchObject({
      status: 400,
      json: { errors: [{ parameter: 'limit' }] },
    })
  })

  it('tells of one, touched or not', async () => {
    expect(await ask('/stock/book')).toEqual({ status: 200, json: book })
    expect(await ask('/stock/sold-out')).toEqual({ status: 200, json: { sku: 'sold-out', free: 0, held: 0 } })
  })

  it.each(['unheard-of', 'a%00b', '__proto__'])('answers 404 for %s', async (key) => {
    expect(await ask(`/stock/${key}`)).toMatchObject({ status: 404, json: { title: 'Not Found' } })
  })
})
