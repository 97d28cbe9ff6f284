import { context, propagation, SpanKind, trace } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import { until } from './process.ts'

/** The namespace of a harness on a shared stack, before the name of a topic. */
const ofHarness = /\bt[0-9a-f]{8}\.(?=[\w-]+\.(?:events|dlq))/

/** A span and what happened within it, in the order in which it began. */
export interface Tree {
  readonly name: string
  readonly children: readonly Tree[]
}

export interface Spans {
  all(): readonly ReadableSpan[]
  /** The spans of a saga, from its command on, once there are this many. */
  tree(saga: string, count: number): Promise<Tree>
  stop(): Promise<void>
}

/** Keeps every span of this process. Before services are started. */
export function keepSpans(): Spans {
  const exporter = new InMemorySpanExporter()
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  provider.register()
  const all = () => exporter.getFinishedSpans()
  return {
    all,
    async tree(saga, count) {
      const spans = await until(
        async () => traceOf(saga, all()),
        (found) => found.length >= count,
      )
      const [root, ...others] = spans.filter(
        ({ parentSpanContext }) => !spans.some((one) => idOf(one) === parentSpanContext?.spanId),
      )
      if (!root || others.length > 0) throw new Error(`${saga} has ${others.length + 1} roots`)
      return treeOf(root, spans)
    },
    async stop() {
      await provider.shutdown()
      trace.disable()
      context.disable()
      propagation.disable()
    },
  }
}

/** All spans of the one trace that events of this saga are in. */
function traceOf(saga: string, all: readonly ReadableSpan[]): readonly ReadableSpan[] {
  const traces = new Set(
    all
      .filter(({ attributes }) => attributes['troupe.saga'] === saga)
      .map((span) => span.spanContext().traceId),
  )
  if (traces.size > 1) throw new Error(`${saga} is in ${traces.size} traces`)
  return all.filter((span) => traces.has(span.spanContext().traceId))
}

function treeOf(span: ReadableSpan, all: readonly ReadableSpan[]): Tree {
  const children = all
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === idOf(span))
    .sort((one, other) => Number(startOf(one) - startOf(other)))
  return { name: labelOf(span), children: children.map((child) => treeOf(child, all)) }
}

function labelOf({ name, kind, attributes }: ReadableSpan): string {
  const of = (attribute: string) => attributes[`troupe.${attribute}`]
  const parts = [of('service'), SpanKind[kind], name.replace(ofHarness, ''), of('event.type'), of('outcome')]
  return parts.flatMap((part) => (typeof part === 'string' ? part : [])).join(' ')
}

function idOf(span: ReadableSpan): string {
  return span.spanContext().spanId
}

function startOf({ startTime: [seconds, nanoseconds] }: ReadableSpan): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
}
