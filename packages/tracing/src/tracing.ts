import { type ProxyTracerProvider, trace } from '@opentelemetry/api'
import { type Log, messageOf } from '@troupe/core'
import { wantedIn } from './wanted.ts'

export interface TracingOptions {
  /** Names the service, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` does. */
  readonly service: string
  readonly log: Log
  /** Default: those of the process. The SDK reads its own from there in any case. */
  readonly variables?: Readonly<Record<string, string | undefined>>
}

export interface StartedTracing {
  /** Sends what is left, for a second at most. Does not fail. */
  stop(): Promise<void>
}

/**
 * Sends this process's spans to an OpenTelemetry collector, if the environment names one; give it to `run`.
 *
 * Loads the SDK only then, and leaves alone what is registered already: whoever starts Node with an SDK of his
 * own (`--import`) keeps that. Never fails: a service is not stopped by what watches it.
 */
export async function tracing({
  service,
  log,
  variables = process.env,
}: TracingOptions): Promise<StartedTracing | undefined> {
  const { isOn, protocol, problems } = wantedIn(variables)
  for (const problem of problems) log.warn({}, problem)
  if (!isOn) return undefined
  if (isRegistered()) {
    log.debug({}, 'an OpenTelemetry SDK is registered already, and sends the spans')
    return undefined
  }
  try {
    const { startSdk } = await import('./sdk.ts')
    return await startSdk({ service, log, protocol })
  } catch (error) {
    log.warn({ err: error }, `${service} runs without tracing: ${messageOf(error)}`)
    return undefined
  }
}

function isRegistered(): boolean {
  const provider = trace.getTracerProvider()
  return !(
    'getDelegateTracer' in provider &&
    (provider as ProxyTracerProvider).getDelegateTracer('@troupe/tracing') === undefined
  )
}
