// The README's snippets, as they stand there: they compile and pass because this file does.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { avroEvent } from '@troupe/avro'
import { command, document, reaction, service } from '@troupe/core'
import { EventTestHarness, like, specify } from './index.ts'

const fields = [
  { name: 'orderId', type: 'string' },
  { name: 'sku', type: 'string' },
] as const
function event<const Type extends string>(type: Type, owner: string) {
  return avroEvent<Type, { orderId: string; sku: string }>({
    owner,
    schema: { type: 'record', name: type, namespace: owner, key: 'orderId', fields },
  })
}
const OrderPlaced = event('OrderPlaced', 'shop')
const StockHeld = event('StockHeld', 'warehouse')
const StockShort = event('StockShort', 'warehouse')
const stock = document<{ free: number }>({ name: 'stock', initial: () => ({ free: 1 }) })
const holdStock = reaction({
  on: OrderPlaced,
  emits: [StockHeld, StockShort],
  reads: ({ data }) => [stock(data.sku)],
  react({ data }, { get, put, emit }) {
    const { free } = get(stock(data.sku))
    if (free === 0) return emit(StockShort, data)
    put(stock(data.sku), { free: free - 1 })
    return emit(StockHeld, data)
  },
})
const placeOrder = command({
  emits: [OrderPlaced],
  react: ({ orderId, sku }: { orderId: string; sku: string }, { emit }) =>
    emit(OrderPlaced, { orderId, sku }),
})
const warehouse = service({ name: 'warehouse', reactions: { holdStock } })
const shop = service({ name: 'shop', reactions: {}, commands: { placeOrder } })

// given/when/then
const { given } = specify(warehouse)

it('holds what is there', () => {
  given(stock('book'), { free: 1 })
    .when(OrderPlaced({ orderId: 'o1', sku: 'book' }))
    .then(StockHeld({ orderId: 'o1', sku: 'book' }))
    .thenDocument(stock('book'), { free: 0 })
})

it('says so when there is none', () => {
  given(stock('book'), { free: 0 })
    .when(OrderPlaced({ orderId: 'o1', sku: 'book' }))
    .then(like(StockShort, { sku: 'book' }))
})
// end

// harness
describe('shop and warehouse', () => {
  let harness: EventTestHarness
  beforeAll(async () => {
    harness = await EventTestHarness.start({ services: [shop, warehouse] })
  })
  afterAll(() => harness?.stop())

  it('hold stock for an order', async () => {
    await harness.service('shop').decide(placeOrder, { orderId: 'o1', sku: 'book' })
    await harness.expectEvent(StockHeld, { orderId: 'o1' })
    expect(await harness.service('warehouse').read(stock('book'))).toEqual({ free: 0 })
  })

  it('hold it once, however often the order is heard', async () => {
    await harness.publish(OrderPlaced({ orderId: 'o2', sku: 'pen' }), { id: 'same' })
    await harness.publish(OrderPlaced({ orderId: 'o2', sku: 'pen' }), { id: 'same' })
    await harness.expectEvent(StockHeld, { orderId: 'o2' })
    await harness.expectNoEvent(StockHeld, { orderId: 'o2' })
  })

  it('catch up after one of them was away', async () => {
    await harness.stopService('warehouse')
    await harness.publish(OrderPlaced({ orderId: 'o3', sku: 'cup' }))
    await harness.expectNoEvent(StockHeld, { orderId: 'o3' })
    await harness.startService('warehouse')
    await harness.expectEvent(StockHeld, { orderId: 'o3' })
  })
})
// end

it('the README shows these snippets, and no others', () => {
  const textOf = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
  const shown = [...textOf('../README.md').matchAll(/```ts\n([\s\S]*?)```/g)].map(([, snippet]) => snippet)
  const here = [
    ...textOf('./snippets.int.test.ts').matchAll(/^\/\/ (?:given|harness).*\n([\s\S]*?)^\/\/ end$/gm),
  ].map(([, snippet]) => snippet)
  expect(shown).toEqual(here)
})
