// Spans: what this process did for each event and command, in the trace of the saga.
//
// Invariants
// 1. A span says what was committed. It is begun once for a delivery, however often that is decided again,
//    and ended once: after the commit, or as `abandoned` when this process lets go before it knows of one.
// 2. The span of an emitted event is ended only if the run that emitted it was committed; those of other runs
//    never end and are never exported.
// 3. Contexts are handed over explicitly, from the record's headers on; only a command asks who is running.
// 4. Without an SDK there is no tracer at all, and nothing here is called for an event.

import {
  type Attributes,
  context,
  type Link,
  type ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api'
import {
  type Emitted,
  isTroupeError,
  messageOf,
  type Outcome,
  type OutgoingRecord,
  type TraceContext,
  type TraceEmitted,
  traceOf,
} from '@troupe/core'
import type { Heard } from '../batch/decode.ts'
import { parentOf, spanContextOf, suppressed, traceContextOf } from './tracing-context.ts'
import {
  attributes as names,
  ofBatch,
  ofCommand,
  ofCommands,
  ofEmitted,
  ofHeard,
  ofPerform,
  ofSending,
} from './tracing-names.ts'

export interface TracingOptions {
  readonly service: string
  readonly deadLetterTopic: string
  /** As Kafka knows it. */
  readonly consumerGroup: string
  /** What Kafka calls a topic. */
  readonly onWire: (topic: string) => string
}

export interface Tracing {
  /** Begins the span of a consumed record, below the one that its headers name. */
  process(heard: Heard): WorkSpan
  /** Begins the span of a command, below the one that is active. */
  command(name: string): WorkSpan
  /** Runs what one transaction is made of, in a span that links to those of its parts. */
  batch<T>(of: BatchFacts, parts: readonly WorkSpan[], work: () => Promise<T>): Promise<T>
  /** Runs a request to Kafka, in a span that links to those of its events. For the relay's `around`. */
  sending<T>(
    request: { readonly topic: string; readonly records: readonly OutgoingRecord[] },
    send: () => Promise<T>,
  ): Promise<T>
}

export type BatchFacts = { readonly topic: string; readonly partition: number } | 'commands'

/** How a piece of work ended: as the inbox has it, or as it keeps nothing of. */
export type WorkOutcome = Outcome | 'parked' | 'duplicate' | 'refused' | 'abandoned'

/** Under this name everything is instrumented. */
const scope = '@troupe/runtime'

/** Undefined where no SDK is registered. One that is registered later is not seen. */
export function createTracing(options: TracingOptions): Tracing | undefined {
  const provider = trace.getTracerProvider()
  // The interface's own provider, which hands on to the SDK's if there is one.
  const tracer =
    'getDelegateTracer' in provider
      ? (provider as ProxyTracerProvider).getDelegateTracer(scope)
      : provider.getTracer(scope)
  return tracer && tracingWith(tracer, options)
}

function tracingWith(tracer: Tracer, options: TracingOptions): Tracing {
  const { service, consumerGroup, onWire } = options
  return {
    process: (heard) => {
      const topic = onWire(heard.record.topic)
      const span = tracer.startSpan(
        `process ${topic}`,
        { kind: SpanKind.CONSUMER, attributes: ofHeard(heard, { topic, service, consumerGroup }) },
        parentOf(heard.delivery?.event ?? traceOf(heard.record.headers)),
      )
      return new WorkSpan(span, tracer, options)
    },
    command: (name) => {
      const span = tracer.startSpan(`decide ${name}`, { attributes: ofCommand(name, service) })
      return new WorkSpan(span, tracer, options)
    },
    batch(of, parts, work) {
      const links = parts.flatMap(({ link }) => link ?? [])
      const count = parts.length
      const topic = of === 'commands' ? undefined : onWire(of.topic)
      const name = `batch ${topic ?? 'commands'}`
      const attributes =
        of === 'commands' || topic === undefined
          ? ofCommands(service, count)
          : ofBatch({ topic, partition: of.partition }, { service, consumerGroup, count })
      return linked(tracer, { name, kind: SpanKind.INTERNAL, attributes, links }, (inside) =>
        context.with(inside, work),
      )
    },
    sending({ topic, records }, send) {
      const links = records.flatMap(({ headers }) => linkTo(traceOf(headers)) ?? [])
      const attributes = ofSending(topic, service, records.length)
      // Whoever instruments kafkajs too would write other contexts over those that the records carry.
      return linked(tracer, { name: `send ${topic}`, kind: SpanKind.CLIENT, attributes, links }, (inside) =>
        context.with(suppressed(inside), send),
      )
    },
  }
}

/** What links to nothing that is sampled needs no span. */
async function linked<T>(
  tracer: Tracer,
  {
    name,
    ...options
  }: {
    readonly name: string
    readonly kind: SpanKind
    readonly attributes: Attributes
    readonly links: Link[]
  },
  work: (inside: typeof ROOT_CONTEXT) => Promise<T>,
): Promise<T> {
  if (options.links.length === 0) return work(ROOT_CONTEXT)
  const span = tracer.startSpan(name, { ...options, root: true }, ROOT_CONTEXT)
  try {
    return await work(trace.setSpan(ROOT_CONTEXT, span))
  } catch (error) {
    blame(span, error)
    throw error
  } finally {
    span.end()
  }
}

/** The span of one delivery or command. */
export class WorkSpan {
  readonly #span: Span
  readonly #tracer: Tracer
  readonly #options: TracingOptions
  #producers: Span[] = []
  #end: { readonly outcome: WorkOutcome; readonly error?: unknown; readonly attempts?: number } = {
    outcome: 'abandoned',
  }
  #isEnded = false

  constructor(span: Span, tracer: Tracer, options: TracingOptions) {
    this.#span = span
    this.#tracer = tracer
    this.#options = options
  }

  get traceId(): string {
    return this.#span.spanContext().traceId
  }

  /** Undefined if nobody records it. */
  get link(): Link | undefined {
    return this.#span.isRecording() ? { context: this.#span.spanContext() } : undefined
  }

  /** Begins a run of the handler: what an earlier one emitted has not happened. */
  react(): TraceEmitted {
    this.#producers = []
    if (this.#span.isRecording()) return (emitted) => this.#create(emitted)
    const unrecorded = traceContextOf(this.#span.spanContext())
    return () => unrecorded
  }

  /** What became of it in this run; said again, the last time counts. */
  became(outcome: WorkOutcome, error?: unknown, attempts?: number): void {
    if (outcome !== 'applied') this.#producers = []
    this.#end = {
      outcome,
      ...(error === undefined ? {} : { error }),
      ...(attempts === undefined ? {} : { attempts }),
    }
  }

  /** One attempt at a call to the outside, within a span of its own: whoever instruments the call nests there. */
  async perform<T>(reaction: string, attempt: number, call: () => Promise<T>): Promise<T> {
    const attributes = ofPerform(reaction, this.#options.service, attempt)
    const parent = trace.setSpan(ROOT_CONTEXT, this.#span)
    const span = this.#tracer.startSpan(`perform ${reaction}`, { attributes }, parent)
    try {
      return await context.with(trace.setSpan(ROOT_CONTEXT, span), call)
    } catch (error) {
      blame(span, error)
      throw error
    } finally {
      span.end()
    }
  }

  /** It is committed as it became. */
  committed(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    const { outcome, error, attempts } = this.#end
    for (const producer of this.#producers) producer.end()
    this.#span.setAttribute(names.outcome, outcome)
    if (attempts !== undefined) this.#span.setAttribute(names.attempts, attempts)
    if (outcome === 'dead-lettered')
      this.#span.setAttribute(names.deadLetterTopic, this.#options.onWire(this.#options.deadLetterTopic))
    // Somebody may throw undefined: that it failed is what counts.
    const hasFailed = outcome === 'parked' && attempts !== undefined
    if (outcome === 'dead-lettered' || outcome === 'refused' || hasFailed) blame(this.#span, error)
    this.#span.end()
  }

  /** It is not committed, as far as this process knows. */
  failed(outcome: 'refused' | 'abandoned', error: unknown): void {
    if (this.#isEnded) return
    this.#producers = []
    this.#end = { outcome, error }
    if (outcome === 'abandoned') this.#span.setAttribute(names.errorType, typeOf(error))
    this.committed()
  }

  #create(emitted: Emitted): TraceContext {
    const { service, onWire } = this.#options
    const topic = onWire(emitted.topic)
    const producer = this.#tracer.startSpan(
      `create ${topic}`,
      { kind: SpanKind.PRODUCER, attributes: ofEmitted(emitted, { topic, service }) },
      trace.setSpan(ROOT_CONTEXT, this.#span),
    )
    this.#producers.push(producer)
    return traceContextOf(producer.spanContext())
  }
}

function linkTo(traced: TraceContext): Link | undefined {
  const linked = spanContextOf(traced)
  return linked && linked.traceFlags > 0 ? { context: linked } : undefined
}

function blame(span: Span, error: unknown): void {
  span.recordException(error instanceof Error ? error : messageOf(error))
  span.setAttribute(names.errorType, typeOf(error))
  span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) })
}

function typeOf(error: unknown): string {
  if (isTroupeError(error)) return error.code
  return error instanceof Error ? error.name : '_OTHER'
}
