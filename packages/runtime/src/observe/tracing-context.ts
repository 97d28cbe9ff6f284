// Trace contexts as W3C writes them, as OpenTelemetry's interface has them, and that of whoever asked.

import {
  type Context,
  createContextKey,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  type SpanContext,
  trace,
  TraceFlags,
} from '@opentelemetry/api'
import type { TraceContext } from '@troupe/core'
import { AsyncLocalStorage } from 'node:async_hooks'

/** The context of somebody elsewhere, as a parent; the root where there is none. */
export function parentOf(remote: TraceContext): Context {
  const context = spanContextOf(remote)
  return context ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT
}

/** @param remote as `traceOf` of the core reads it: well formed, or undefined */
export function spanContextOf({ traceparent, tracestate }: TraceContext): SpanContext | undefined {
  if (traceparent === undefined) return undefined
  return {
    traceId: traceparent.slice(3, 35),
    spanId: traceparent.slice(36, 52),
    traceFlags: Number.parseInt(traceparent.slice(53, 55), 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }),
  }
}

/** How a context travels in headers. A trace state that is longer than others have to pass on stays behind. */
export function traceContextOf(context: SpanContext): TraceContext {
  if (!isSpanContextValid(context)) return untraced
  const { traceId, spanId, traceFlags, traceState } = context
  const tracestate = traceState?.serialize()
  return {
    traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
    tracestate: tracestate && tracestate.length <= tracestateLengthMax ? tracestate : undefined,
  }
}

/** For log lines. */
export function traceIdOf({ traceparent }: Partial<TraceContext>): string | undefined {
  return traceparent?.slice(3, 35)
}

/**
 * The trace context of whoever asks for what is running, where no SDK keeps it: without one it is handed on as
 * it came.
 */
export const caller = new AsyncLocalStorage<TraceContext>()

/** Nothing that is done in this context makes spans, nor writes a context of its own into headers. */
export function suppressed(context: Context): Context {
  return context.setValue(suppressKey, true)
}

/** The SDK's own key: keys of one name are the same. */
const suppressKey = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')
/** W3C Trace Context, section 3.3.1.5. */
const tracestateLengthMax = 512
const untraced: TraceContext = { traceparent: undefined, tracestate: undefined }
