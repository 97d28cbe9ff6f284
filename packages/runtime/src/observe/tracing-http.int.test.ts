import { afterEach, describe, expect, it } from '@jest/globals'
import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { fastify, type FastifyInstance } from 'fastify'
import { keepingLog, until } from '../kits/fakes.test.kit.ts'
import { problem, problemHandler } from '../http/problem.ts'
import { caller } from './tracing-context.ts'
import { traceRequests } from './tracing-http.ts'
import { forgetSdk, registerSdk } from './tracing.test.kit.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const parent = `00-${traceId}-b7ad6b7169203331-01`
const servers: FastifyInstance[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((one) => one.close()))
  forgetSdk()
})

/** A server that answers with the trace in which a route finds itself, after some waiting. */
async function serve(isTraced: boolean, before?: (http: FastifyInstance) => void) {
  const log = keepingLog()
  const http = fastify({ forceCloseConnections: true })
  servers.push(http)
  http.setErrorHandler(problemHandler(log))
  before?.(http)
  traceRequests(http, { service: 'order', isTraced })
  http.post('/orders/:id', async () => {
    await new Promise((resolve) => setImmediate(resolve))
    const active = trace.getActiveSpan()?.spanContext()
    return { active: active?.traceId, span: active?.spanId, passed: caller.getStore()?.traceparent }
  })
  http.get('/refuse', () => {
    throw problem({ status: 409, detail: 'Not now.' })
  })
  http.get('/crash', async () => {
    await new Promise((resolve) => setImmediate(resolve))
    throw new RangeError('secret detail')
  })
  let asked = 0
  http.get('/never', () => {
    asked += 1
    return new Promise(() => {})
  })
  const url = await http.listen({ host: '127.0.0.1', port: 0 })
  const post = async (
    headers: Record<string, string> = {},
    body: object = { large: 'x'.repeat(100_000) },
  ) => {
    const response = await fetch(`${url}/orders/7?secret=1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    return (await response.json()) as { active?: string; span?: string; passed?: string }
  }
  return { url, post, log, asked: () => asked }
}

describe('a request with an SDK', () => {
  it('is a span below its caller’s, in which its route runs, also after a body was waited for', async () => {
    const spans = registerSdk()
    const { post } = await serve(true)
    const answer = await post({ traceparent: parent })
    await until(() => spans.all().length === 1)
    const [span] = spans.all()
    expect(span).toMatchObject({
      name: 'POST /orders/:id',
      kind: SpanKind.SERVER,
      parentSpanContext: { traceId, spanId: 'b7ad6b7169203331' },
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/orders/:id',
        'http.response.status_code': 200,
        'url.path': '/orders/7',
        'troupe.service': 'order',
      },
    })
    expect(answer).toEqual({ active: traceId, span: span?.spanContext().spanId })
  })

  it('keeps apart what is under way side by side', async () => {
    registerSdk()
    const { post } = await serve(true)
    const ids = Array.from({ length: 30 }, (_, n) => n.toString(16).padStart(32, 'a'))
    const answers = await Promise.all(ids.map((id) => post({ traceparent: `00-${id}-b7ad6b7169203331-01` })))
    expect(answers.map(({ active }) => active)).toEqual(ids)
  })

  it.each(['nonsense', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`])(
    'begins a trace where the caller’s is none: %s',
    async (traceparent) => {
      const spans = registerSdk()
      const { post } = await serve(true)
      const { active } = await post({ traceparent })
      await until(() => spans.all().length === 1)
      expect(spans.all()[0]?.parentSpanContext).toBeUndefined()
      expect(active).toBe(spans.all()[0]?.spanContext().traceId)
    },
  )

  it('is an error where it is the service’s fault, and its log line names the trace', async () => {
    const spans = registerSdk()
    const { url, log } = await serve(true)
    await fetch(`${url}/refuse`, { headers: { traceparent: parent } })
    await fetch(`${url}/crash`, { headers: { traceparent: parent } })
    await until(() => spans.all().length === 2)
    expect(spans.told()).toEqual(['GET /refuse', 'GET /crash 500 ERROR'])
    expect(spans.all()[1]?.events[0]?.attributes).toMatchObject({ 'exception.message': 'secret detail' })
    const errors = log.lines.filter(({ level }) => level === 'error')
    expect(errors.map(({ facts }) => facts['trace_id'])).toEqual([traceId])
  })

  it('ends also when its client goes away', async () => {
    const spans = registerSdk()
    const { url, asked } = await serve(true)
    const going = new AbortController()
    const gone = fetch(`${url}/never`, { signal: going.signal })
    gone.catch(() => {})
    await until(() => asked() === 1)
    going.abort()
    await until(() => spans.all().length === 1)
    expect(spans.told()).toEqual(['GET /never aborted ERROR'])
  })

  it('is left to whoever instruments HTTP already', async () => {
    const spans = registerSdk()
    const theirs = trace.getTracer('theirs').startSpan('theirs')
    const { post } = await serve(true, (http) => {
      const inside = trace.setSpan(ROOT_CONTEXT, theirs)
      http.addHook('onRequest', (_request, _reply, done) => context.with(inside, done))
      http.addHook('preHandler', (_request, _reply, done) => context.with(inside, done))
    })
    expect((await post({ traceparent: parent })).span).toBe(theirs.spanContext().spanId)
    expect(spans.all()).toEqual([])
  })
})

describe('a request without an SDK', () => {
  it('hands its caller’s trace on, and no other', async () => {
    const { post } = await serve(false)
    expect(await post({ traceparent: parent })).toEqual({ passed: parent })
    expect(await post({ traceparent: 'nonsense' })).toEqual({})
    expect(await post()).toEqual({})
  })

  it('names its caller’s trace in its log line', async () => {
    const { url, log } = await serve(false)
    await fetch(`${url}/crash`, { headers: { traceparent: parent } })
    await fetch(`${url}/crash`)
    expect(log.lines.map(({ facts }) => facts['trace_id'])).toEqual([traceId, undefined])
  })
})
