// The only file that loads the SDK; it is imported when spans are wanted, and not before.

import { diag, DiagLogLevel } from '@opentelemetry/api'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources'
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node'
import type { Log } from '@troupe/core'
import { quietExporter } from './quiet-exporter.ts'
import type { StartedTracing } from './tracing.ts'
import type { Wanted } from './wanted.ts'

/** How long the end of a process waits for its last spans to be taken. */
const stopTimeoutMs = 1_000

export async function startSdk({
  service,
  log,
  protocol,
}: {
  readonly service: string
  readonly log: Log
  readonly protocol: Wanted['protocol']
}): Promise<StartedTracing> {
  let isSetUp = false
  // What is wrong with a setting is said at the start; later the SDK would repeat itself with every batch.
  const say = (message: string, ...more: unknown[]) => {
    if (isSetUp) log.debug({ more }, `OpenTelemetry: ${message}`)
    else log.warn({ more }, `OpenTelemetry: ${message}`)
  }
  const nothing = () => {}
  diag.setLogger(
    { error: say, warn: say, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  const named = defaultResource().merge(resourceFromAttributes({ 'service.name': service }))
  const detected = detectResources({ detectors: [serviceInstanceIdDetector, envDetector] })
  const exporter = quietExporter(await exporterFor(protocol), log)
  const provider = new NodeTracerProvider({
    resource: named.merge(detected),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  })
  provider.register()
  isSetUp = true
  log.info({ protocol }, `${service} sends its spans to a collector`)
  return {
    async stop() {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, stopTimeoutMs)
      })
      await Promise.race([provider.shutdown().catch(nothing), late])
      clearTimeout(timer)
    },
  }
}

async function exporterFor(protocol: Wanted['protocol']): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto')
  return new OTLPTraceExporter()
}
