// Requests in their callers' traces.
//
// With an SDK, a request is a span below the one that its headers name, unless somebody has instrumented HTTP
// already: then that span is the active one, and stays it. Without, the caller's context is kept for the
// commands that the request asks for.

import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { messageOf, type TraceContext, traceOf } from '@troupe/core'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { caller, traceIdOf } from './tracing-context.ts'
import { attributes as names, ofRequest } from './tracing-names.ts'

/** What is known of requests under way, for as long as they are. */
const inSpans = new WeakMap<FastifyRequest, Context>()
const passedOn = new WeakMap<FastifyRequest, TraceContext>()

/** Traces the routes that are declared in this scope. */
export function traceRequests(
  http: FastifyInstance,
  { service, isTraced }: { readonly service: string; readonly isTraced: boolean },
): void {
  if (isTraced) spanRequests(http, service)
  else passOn(http)
}

/** The trace that a request belongs to, for log lines. */
export function traceIdOfRequest(request: FastifyRequest): string | undefined {
  const own = trace.getSpanContext(inSpans.get(request) ?? context.active())
  return own?.traceId ?? traceIdOf(passedOn.get(request) ?? {})
}

function passOn(http: FastifyInstance): void {
  // Not earlier: what reads the body comes back out of another context.
  http.addHook('preHandler', (request, _reply, done) => {
    const traced = traceOf(request.headers)
    if (traced.traceparent === undefined) return done()
    passedOn.set(request, traced)
    caller.run(traced, done)
  })
}

function spanRequests(http: FastifyInstance, service: string): void {
  const tracer = trace.getTracer('@troupe/runtime')
  http.addHook('onRequest', (request, _reply, done) => {
    if (trace.getActiveSpan()) return done()
    const { method, routeOptions } = request
    const route = routeOptions.url
    const span = tracer.startSpan(
      route === undefined ? method : `${method} ${route}`,
      { kind: SpanKind.SERVER, attributes: ofRequest(request, route, service) },
      propagation.extract(ROOT_CONTEXT, request.headers),
    )
    inSpans.set(request, trace.setSpan(ROOT_CONTEXT, span))
    done()
  })
  http.addHook('preHandler', (request, _reply, done) => {
    const inside = inSpans.get(request)
    if (inside) context.with(inside, done)
    else done()
  })
  http.addHook('onError', (request, _reply, error, done) => {
    spanOf(request)?.recordException(error instanceof Error ? error : messageOf(error))
    done()
  })
  http.addHook('onResponse', (request, { statusCode }, done) => {
    const span = spanOf(request)
    span?.setAttribute(names.httpStatus, statusCode)
    if (statusCode >= 500) {
      span?.setAttribute(names.errorType, String(statusCode))
      span?.setStatus({ code: SpanStatusCode.ERROR })
    }
    span?.end()
    done()
  })
  http.addHook('onRequestAbort', (request, done) => {
    const span = spanOf(request)
    span?.setAttribute(names.errorType, 'aborted')
    span?.setStatus({ code: SpanStatusCode.ERROR, message: 'the client went away' })
    // Perhaps nobody answers it any more.
    span?.end()
    done()
  })
}

/** Undefined once it has ended. */
function spanOf(request: FastifyRequest): Span | undefined {
  const inside = inSpans.get(request)
  const span = inside && trace.getSpan(inside)
  return span?.isRecording() ? span : undefined
}
