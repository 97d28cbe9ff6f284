import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { context, ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api'
import { startGateway } from '@troupe-demo/gateway'
import { inventory } from '@troupe-demo/inventory'
import { order, type OrderRequest, placeOrder } from '@troupe-demo/order'
import { gatewayAt, paymentThrough } from '@troupe-demo/payment'
import { shipping } from '@troupe-demo/shipping'
import { EventTestHarness } from '@troupe/testing'
import { declinedCard, notServed, orderFor, outOfStock } from './orders.ts'
import { until } from './process.ts'
import { keepSpans, type Spans, type Tree } from './spans.ts'

const gateway = await startGateway()
const payment = paymentThrough(gatewayAt(gateway.url))
afterAll(() => gateway.stop())

/** One event after the other, each emitted while the one before was handled; `also` hears it and says nothing. */
function chain(
  ...events: readonly (readonly [emitter: string, type: string, hearer?: string, also?: string])[]
): Tree {
  const [[emitter, type, hearer, also] = ['', '']] = events
  const created = `${emitter} PRODUCER create ${emitter}.events ${type}`
  if (hearer === undefined) return { name: created, children: [] }
  const handledBy = (service: string) => `${service} CONSUMER process ${emitter}.events ${type} applied`
  const next = events.slice(1)
  // Payment asks its gateway before it decides.
  const asks = type === 'OrderReceived' ? 'chargeCard' : 'refundCard'
  const asked = { name: `payment INTERNAL perform ${asks}`, children: [] }
  const heard = {
    name: handledBy(hearer),
    children: [...(hearer === 'payment' ? [asked] : []), ...(next.length > 0 ? [chain(...next)] : [])],
  }
  return {
    name: created,
    children: also === undefined ? [heard] : [{ name: handledBy(also), children: [] }, heard],
  }
}

/** Of those who hear one event, anybody may be the first. */
function byName({ name, children }: Tree): Tree {
  return {
    name,
    children: children.map(byName).toSorted((one, other) => (one.name < other.name ? -1 : 1)),
  }
}

const completed = chain(
  ['order', 'OrderReceived', 'payment'],
  ['payment', 'PaymentProcessed', 'inventory'],
  ['inventory', 'InventoryReserved', 'shipping', 'payment'],
  ['shipping', 'ShippingScheduled', 'order'],
  ['order', 'OrderCompleted'],
)
const declined = chain(
  ['order', 'OrderReceived', 'payment'],
  ['payment', 'PaymentFailed', 'order'],
  ['order', 'OrderCancelled'],
)
const refunded = chain(
  ['order', 'OrderReceived', 'payment'],
  ['payment', 'PaymentProcessed', 'inventory'],
  ['inventory', 'InventoryFailed', 'payment'],
  ['payment', 'PaymentRefunded', 'order'],
  ['order', 'OrderCancelled'],
)
const undone = chain(
  ['order', 'OrderReceived', 'payment'],
  ['payment', 'PaymentProcessed', 'inventory'],
  ['inventory', 'InventoryReserved', 'shipping', 'payment'],
  ['shipping', 'ShippingFailed', 'inventory'],
  ['inventory', 'InventoryReleased', 'payment'],
  ['payment', 'PaymentRefunded', 'order'],
  ['order', 'OrderCancelled'],
)

function placedIn(story: Tree): Tree {
  return { name: 'order INTERNAL decide placeOrder applied', children: [story] }
}

function sizeOf({ children }: Tree): number {
  return children.reduce((sum, child) => sum + sizeOf(child), 1)
}

describe('a saga in a trace', () => {
  let spans: Spans
  let harness: EventTestHarness
  beforeAll(async () => {
    spans = keepSpans()
    harness = await EventTestHarness.start({
      services: [order, payment, inventory, shipping],
      timeoutMs: 60_000,
    })
  })
  afterAll(async () => {
    await harness?.stop()
    await spans?.stop()
  })

  async function place(change: Partial<OrderRequest>, idempotencyKey?: string): Promise<string> {
    const options = idempotencyKey === undefined ? {} : { idempotencyKey }
    return (await harness.service('order').decide(placeOrder, orderFor(change), options)).orderId
  }

  it.each<[string, Partial<OrderRequest>, Tree]>([
    ['that completes', {}, completed],
    ['whose card is declined', declinedCard, declined],
    ['for which stock has run out', outOfStock, refunded],
    ['that is undone step by step', notServed, undone],
  ])('is one trace from the command to the last event: %s', async (_which, change, story) => {
    const saga = await place(change)
    const whole = placedIn(story)
    expect(byName(await spans.tree(saga, sizeOf(whole)))).toEqual(byName(whole))
  })

  it('keeps orders apart that are placed and handled side by side, in their callers’ traces', async () => {
    const tracer = trace.getTracer('callers')
    const callers = Array.from({ length: 20 }, (_, n) => tracer.startSpan(`caller ${n}`))
    const changes = [{}, declinedCard, outOfStock, notServed]
    const sagas = await Promise.all(
      callers.map((caller, n) =>
        context.with(trace.setSpan(ROOT_CONTEXT, caller), () => place(changes[n % 4] ?? {})),
      ),
    )
    for (const caller of callers) caller.end()
    const stories = [completed, declined, refunded, undone]
    for (const [n, saga] of sagas.entries()) {
      const whole = { name: `INTERNAL caller ${n}`, children: [placedIn(stories[n % 4] ?? completed)] }
      expect(byName(await spans.tree(saga, sizeOf(whole)))).toEqual(byName(whole))
    }
  })

  it('says what an operator looks for', async () => {
    const saga = await place({})
    await spans.tree(saga, 1 + sizeOf(completed))
    const handled = spans
      .all()
      .find(
        ({ name, attributes }) =>
          /^process .*\border\.events$/.test(name) && attributes['troupe.saga'] === saga,
      )
    const created = spans
      .all()
      .find((span) => span.spanContext().spanId === handled?.parentSpanContext?.spanId)
    const eventId = created?.attributes['troupe.event.id']
    expect(handled?.attributes).toEqual({
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': expect.stringMatching(/(^|\.)order\.events$/),
      'messaging.destination.partition.id': expect.stringMatching(/^\d+$/),
      'messaging.kafka.offset': expect.any(Number),
      'messaging.kafka.message.key': saga,
      'messaging.consumer.group.name': expect.stringMatching(/(^|\.)payment$/),
      'messaging.message.id': eventId,
      'messaging.message.conversation_id': saga,
      'messaging.message.body.size': expect.any(Number),
      'troupe.service': 'payment',
      'troupe.reaction': 'chargeCard',
      'troupe.saga': saga,
      'troupe.event.type': 'OrderReceived',
      'troupe.event.id': eventId,
      'troupe.outcome': 'applied',
    })
    expect(created?.attributes).toEqual({
      'messaging.system': 'kafka',
      'messaging.operation.name': 'create',
      'messaging.operation.type': 'create',
      'messaging.destination.name': expect.stringMatching(/(^|\.)order\.events$/),
      'messaging.kafka.message.key': saga,
      'messaging.message.id': eventId,
      'messaging.message.conversation_id': saga,
      'troupe.service': 'order',
      'troupe.saga': saga,
      'troupe.event.type': 'OrderReceived',
      'troupe.event.id': eventId,
    })
  })

  it('is not made a second time when its command is asked for again', async () => {
    const saga = await place({}, 'asked-twice')
    const whole = placedIn(completed)
    await spans.tree(saga, sizeOf(whole))
    expect(await place({}, 'asked-twice')).toBe(saga)
    expect(byName(await spans.tree(saga, sizeOf(whole)))).toEqual(byName(whole))
    const again = spans.all().filter(({ attributes }) => attributes['troupe.outcome'] === 'duplicate')
    expect(again.map(({ name }) => name)).toEqual(['decide placeOrder'])
  })

  it('is linked to by the batches that were settled and sent for it, which are no part of it', async () => {
    const saga = await place({})
    await spans.tree(saga, 1 + sizeOf(completed))
    const linking = (name: string, id: string) =>
      until(
        async () =>
          spans
            .all()
            .filter(({ status }) => status.code !== SpanStatusCode.ERROR)
            .filter((one) => one.name === name && one.links.some(({ context: { spanId } }) => spanId === id)),
        (found) => found.length > 0,
      )
    const mine = spans.all().filter(({ attributes }) => attributes['troupe.saga'] === saga)
    for (const span of mine) {
      const topic = String(span.attributes['messaging.destination.name'])
      const kind = span.name.startsWith('process') ? 'batch' : 'send'
      const batches = await linking(`${kind} ${topic}`, span.spanContext().spanId)
      expect(batches).toHaveLength(1)
      expect(batches[0]?.parentSpanContext).toBeUndefined()
      expect(batches[0]?.spanContext().traceId).not.toBe(span.spanContext().traceId)
      expect(batches[0]?.spanContext().traceFlags).toBe(TraceFlags.SAMPLED)
    }
  })
})
