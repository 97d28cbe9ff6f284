// An exporter that says once that nobody takes its spans, and once that somebody does again.
//
// | state     | spans are taken     | spans are not taken   |
// |-----------|---------------------|-----------------------|
// | delivering | delivering         | failing, with a warning |
// | failing   | delivering, with a line | failing, counted  |
//
// The SDK is told of success each time: it would log each failure, and could do nothing about it. What is not
// taken is gone; the SDK's queue is bounded, and nothing else waits for it.

import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node'
import { type Log, messageOf } from '@troupe/core'

export function quietExporter(exporter: SpanExporter, log: Log): SpanExporter {
  let lost = 0

  function took(spans: readonly ReadableSpan[], { code, error }: ExportResult): void {
    if (code === ExportResultCode.SUCCESS) {
      if (lost > 0) log.info({ lost }, `spans are delivered again; ${lost} were not`)
      lost = 0
      return
    }
    if (lost === 0) {
      const why = error ? messageOf(error) : 'the collector did not take them'
      log.warn(
        { err: error },
        `spans cannot be delivered and are lost until they can: ${why}. Look at OTEL_EXPORTER_OTLP_ENDPOINT and at the collector; the service goes on without.`,
      )
    }
    lost += spans.length
  }

  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        took(spans, result)
        done({ code: ExportResultCode.SUCCESS })
      })
    },
    shutdown: () => exporter.shutdown(),
    async forceFlush() {
      await exporter.forceFlush?.()
    },
  }
}
