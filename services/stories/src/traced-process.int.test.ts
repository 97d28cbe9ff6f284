import { startGateway } from '@troupe-demo/gateway'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import {
  type Broker,
  type EmbeddedPostgres,
  type EmbeddedRegistry,
  freePort,
  startBroker,
  startPostgres,
  startRegistry,
} from '@troupe/embedded'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Collector, type OtlpSpan, startCollector } from './collector.ts'
import { orderFor } from './orders.ts'
import { type ServiceProcess, startProcess, until } from './process.ts'

const gateway = await startGateway()
afterAll(() => gateway.stop())

const folder = mkdtempSync(join(tmpdir(), 'troupe-traces-'))
let kafka: Broker
let registry: EmbeddedRegistry
let postgres: EmbeddedPostgres
let collector: Collector
const started: ServiceProcess[] = []

beforeAll(async () => {
  ;[kafka, registry, postgres, collector] = await Promise.all([
    startBroker({ dir: join(folder, 'kafka'), port: await freePort() }),
    startRegistry({ dir: join(folder, 'registry') }),
    startPostgres({ dir: join(folder, 'postgres'), fsync: false }),
    startCollector(),
  ])
})
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
})
afterAll(async () => {
  await Promise.all([kafka?.stop(), registry?.stop(), postgres?.stop(), collector?.stop()])
  rmSync(folder, { recursive: true, force: true })
})

/** A service in an ecosystem of its own, that sends what it has at once. */
function start(name: string, databaseUrl: string, change: Record<string, string>): ServiceProcess {
  const one = startProcess(name, {
    KAFKA_BROKERS: kafka.address,
    SCHEMA_REGISTRY_URL: registry.url,
    DATABASE_URL: databaseUrl,
    ...(name === 'payment' ? { GATEWAY_URL: gateway.url } : {}),
    TROUPE_STOP_WITH_PARENT: '1',
    OTEL_BSP_SCHEDULE_DELAY: '50',
    ...change,
  })
  started.push(one)
  return one
}

async function place(http: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(`${http}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(orderFor({})),
  })
  expect(response.status).toBe(202)
  return ((await response.json()) as { orderId: string }).orderId
}

const kinds = { internal: 1, server: 2, producer: 4, consumer: 5 }

describe('a service process with OTEL_EXPORTER_OTLP_ENDPOINT', () => {
  it('sends its spans there: a request’s, in its caller’s trace, and what came of it at the next service', async () => {
    const traced = {
      TROUPE_NAMESPACE: 'traced',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    }
    const order = start('order', await postgres.createDatabase({ name: 'traced_order' }), traced)
    const payment = start('payment', await postgres.createDatabase({ name: 'traced_payment' }), traced)
    const [http] = await Promise.all([order.running, payment.running])
    const traceId = 'a'.repeat(32)
    const saga = await place(http, { traceparent: `00-${traceId}-b7ad6b7169203331-01` })
    const names = [
      'POST /orders',
      'decide placeOrder',
      'create traced.order.events',
      'process traced.order.events',
      'create traced.payment.events',
    ]
    const mine = await until(
      async () => collector.spans().filter((span) => span.traceId === traceId),
      (spans) => names.every((wanted) => spans.some(({ name }) => name === wanted)),
    )
    const named = (name: string): OtlpSpan | undefined => mine.find((span) => span.name === name)
    const request = named('POST /orders')
    const decided = named('decide placeOrder')
    const created = named('create traced.order.events')
    const handled = named('process traced.order.events')
    expect(request).toMatchObject({ service: 'order', kind: kinds.server, parentSpanId: 'b7ad6b7169203331' })
    expect(request?.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/orders',
      'http.response.status_code': 202,
    })
    expect(decided).toMatchObject({ service: 'order', kind: kinds.internal, parentSpanId: request?.spanId })
    expect(created).toMatchObject({ service: 'order', kind: kinds.producer, parentSpanId: decided?.spanId })
    expect(handled).toMatchObject({ service: 'payment', kind: kinds.consumer, parentSpanId: created?.spanId })
    expect(handled?.attributes).toMatchObject({
      'troupe.saga': saga,
      'troupe.outcome': 'applied',
      'messaging.consumer.group.name': 'traced.payment',
    })
    expect(named('create traced.payment.events')).toMatchObject({ parentSpanId: handled?.spanId })
    // Health checks are nobody's business.
    await fetch(`${http}/readyz`)
    order.child.kill('SIGTERM')
    expect(await order.ended).toMatchObject({ code: 0 })
    expect(collector.spans().filter(({ name }) => /readyz|livez|metrics/.test(name))).toEqual([])
  })

  it('publishes what a crash left in its outbox in the trace that it had', async () => {
    const [orders, payments] = await Promise.all(
      ['crashed_order', 'crashed_payment'].map((name) => postgres.createDatabase({ name })),
    )
    const traced = {
      TROUPE_NAMESPACE: 'crashed',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    }
    const first = start('order', orders ?? '', traced)
    const http = await first.running
    const { port } = kafka
    await kafka.stop()
    const traceId = 'c'.repeat(32)
    await place(http, { traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: 'vendor=1' })
    first.child.kill('SIGKILL')
    await first.ended
    kafka = await startBroker({ port, dir: join(folder, 'kafka') })
    const second = start('order', orders ?? '', traced)
    const payment = start('payment', payments ?? '', traced)
    await Promise.all([second.running, payment.running])
    const [handled] = await until(
      async () => collector.spans().filter(({ name }) => name === 'process crashed.order.events'),
      (spans) => spans.length > 0,
    )
    expect(handled).toMatchObject({ traceId, service: 'payment', traceState: 'vendor=1' })
    const sent = await until(
      async () =>
        collector
          .spans()
          .flatMap(({ name, links = [] }) => (name === 'send crashed.order.events' ? links : [])),
      (links) => links.length > 0,
    )
    // Every attempt is told of, those of the process that was killed too.
    for (const link of sent) expect(link).toMatchObject({ traceId, spanId: handled?.parentSpanId })
  })

  it('speaks protobuf unless it is told otherwise, and with what headers it is told', async () => {
    const before = collector.deliveries.length
    const order = start('order', await postgres.createDatabase({ name: 'proto_order' }), {
      TROUPE_NAMESPACE: 'proto',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-token=secret',
      OTEL_SERVICE_NAME: 'orders-of-review-7',
    })
    await place(await order.running, {})
    const [delivery] = await until(
      async () => collector.deliveries.slice(before),
      (all) => all.length > 0,
    )
    expect(delivery?.path).toBe('/v1/traces')
    expect(delivery?.headers).toMatchObject({ 'content-type': 'application/x-protobuf', 'x-token': 'secret' })
    expect(delivery?.body.includes('orders-of-review-7')).toBe(true)
    expect(delivery?.body.includes('decide placeOrder')).toBe(true)
    order.child.kill('SIGTERM')
    const { stdout } = await order.ended
    expect(stdout).not.toContain('secret')
  })

  it('runs, says once that nobody takes its spans, and stops in time, when the collector is away or refuses', async () => {
    const order = start('order', await postgres.createDatabase({ name: 'alone_order' }), {
      TROUPE_NAMESPACE: 'alone',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
      OTEL_EXPORTER_OTLP_TIMEOUT: '100',
      OTEL_TRACES_SAMPLER: 'nonsense',
    })
    const http = await order.running
    let stdout = ''
    order.child.stdout?.on('data', (part) => (stdout += part))
    await until(
      async () => {
        await place(http, {})
        return stdout
      },
      (said) => said.includes('spans cannot be delivered'),
    )
    for (let n = 0; n < 20; n++) await place(http, {})
    order.child.kill('SIGTERM')
    const ended = await order.ended
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(ended.stdout.split('spans cannot be delivered')).toHaveLength(2)
    expect(ended.stdout).toContain('OTEL_TRACES_SAMPLER')
    expect(ended.stdout).not.toContain('"level":50')
  })
})

describe('a service process that names no collector', () => {
  it('sends nothing, and carries on the trace of its caller', async () => {
    const namespace = { TROUPE_NAMESPACE: 'quiet' }
    const order = start('order', await postgres.createDatabase({ name: 'quiet_order' }), namespace)
    const payment = start('payment', await postgres.createDatabase({ name: 'quiet_payment' }), {
      ...namespace,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    })
    const [http] = await Promise.all([order.running, payment.running])
    const traceId = 'd'.repeat(32)
    await place(http, { traceparent: `00-${traceId}-b7ad6b7169203331-01` })
    const [handled] = await until(
      async () => collector.spans().filter(({ name }) => name === 'process quiet.order.events'),
      (spans) => spans.length > 0,
    )
    // Payment's parent is the caller itself: order, in between, made no span.
    expect(handled).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331', service: 'payment' })
    order.child.kill('SIGTERM')
    expect((await order.ended).stdout).not.toContain('spans')
    const since = collector
      .spans()
      .filter(({ service, name }) => service === 'order' && name.includes('quiet'))
    expect(since).toEqual([])
  })
})
