import { afterEach, describe, expect, it } from '@jest/globals'
import { context, diag, propagation, trace } from '@opentelemetry/api'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { tracing } from './tracing.ts'

const lines: string[] = []
const at = (level: string) => (_facts: object, message: string) => void lines.push(`${level} ${message}`)
const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
const start = (variables: Record<string, string>) => tracing({ service: 'order', log, variables })
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }

const isTraced = () => trace.getTracer('test').startSpan('test').isRecording()

afterEach(() => {
  lines.length = 0
  trace.disable()
  context.disable()
  propagation.disable()
  diag.disable()
})

describe('tracing', () => {
  it('is nothing where the environment names no collector', async () => {
    expect(await start({})).toBeUndefined()
    expect(isTraced()).toBe(false)
    expect(lines).toEqual([])
  })

  it('registers an SDK where it does, and lets go of it without failing', async () => {
    const started = await start({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })
    expect(isTraced()).toBe(true)
    expect(lines).toEqual([
      expect.stringMatching(/^warn OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"/),
      'info order sends its spans to a collector',
    ])
    await started?.stop()
    await started?.stop()
  })

  it('leaves alone what is registered already', async () => {
    const own = new NodeTracerProvider()
    own.register()
    expect(await start(endpoint)).toBeUndefined()
    expect(lines).toEqual([expect.stringMatching(/^debug .* registered already/)])
    await own.shutdown()
  })
})
