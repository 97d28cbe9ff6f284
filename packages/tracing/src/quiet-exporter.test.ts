import { describe, expect, it } from '@jest/globals'
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node'
import { quietExporter } from './quiet-exporter.ts'

function open() {
  const lines: string[] = []
  const at = (level: string) => (_facts: object, message: string) => void lines.push(`${level} ${message}`)
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  let result: ExportResult = { code: ExportResultCode.SUCCESS }
  const exporter: SpanExporter = {
    export: (_spans, done) => done(result),
    shutdown: async () => void lines.push('shut down'),
  }
  const quiet = quietExporter(exporter, log)
  return {
    lines,
    quiet,
    deliver(count: number, next: ExportResult) {
      result = next
      const told: ExportResult[] = []
      quiet.export(
        Array.from({ length: count }, () => ({}) as ReadableSpan),
        (answer) => told.push(answer),
      )
      return told
    },
  }
}

const taken = { code: ExportResultCode.SUCCESS }
const away = { code: ExportResultCode.FAILED, error: new Error('connect ECONNREFUSED') }

describe('an exporter whose collector is away', () => {
  it('says so once, and once how many spans were lost when it is back, each time', () => {
    const { deliver, lines } = open()
    deliver(1, taken)
    for (const _ of [1, 2, 3]) deliver(10, away)
    deliver(1, taken)
    deliver(1, taken)
    deliver(5, { code: ExportResultCode.FAILED })
    deliver(1, taken)
    expect(lines).toEqual([
      expect.stringMatching(/^warn spans cannot be delivered .*ECONNREFUSED.*OTEL_EXPORTER_OTLP_ENDPOINT/),
      'info spans are delivered again; 30 were not',
      expect.stringMatching(/^warn spans cannot be delivered .*the collector did not take them/),
      'info spans are delivered again; 5 were not',
    ])
  })

  it('does not have the SDK complain, and ends with the one behind it', async () => {
    const { deliver, lines, quiet } = open()
    expect(deliver(1, away)).toEqual([taken])
    await quiet.forceFlush?.()
    await quiet.shutdown()
    expect(lines.at(-1)).toBe('shut down')
  })
})
