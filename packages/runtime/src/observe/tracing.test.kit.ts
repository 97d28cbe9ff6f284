// An SDK in this process whose spans stay here. Not part of the package.
import { context, propagation, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import { createTracing, type Tracing } from './tracing.ts'

export interface KeptSpans {
  all(): readonly ReadableSpan[]
  /** Names, outcomes and errors, in the order in which they ended. */
  told(): readonly string[]
  named(name: string): readonly ReadableSpan[]
  clear(): void
}

/** Registers an SDK that keeps what is ended. */
export function registerSdk(sampler?: Sampler): KeptSpans {
  const exporter = new InMemorySpanExporter()
  const spanProcessors = [new SimpleSpanProcessor(exporter)]
  new NodeTracerProvider({ spanProcessors, ...(sampler ? { sampler } : {}) }).register()
  const all = () => exporter.getFinishedSpans()
  return {
    all,
    told: () => all().map(say),
    named: (wanted) => all().filter(({ name }) => name === wanted),
    clear: () => exporter.reset(),
  }
}

/** Nothing is registered any more. */
export function forgetSdk(): void {
  trace.disable()
  context.disable()
  propagation.disable()
}

export function tracingOfBank(): Tracing | undefined {
  return createTracing({
    service: 'bank',
    deadLetterTopic: 'bank.dlq',
    consumerGroup: 'review.bank',
    onWire: (topic) => `review.${topic}`,
  })
}

function say({ name, attributes, status }: ReadableSpan): string {
  const { 'troupe.outcome': outcome, 'error.type': error } = attributes
  const facts = [outcome, error].filter((fact) => typeof fact === 'string')
  return [name, ...facts, ...(status.code === SpanStatusCode.ERROR ? ['ERROR'] : [])].join(' ')
}
