import Table from 'cli-table3'
import type { LoadReport } from '../load/tally.ts'
import { expectations, type OrderKind } from '../stories/orders.ts'
import type { Colors } from '../terminal/terminal.ts'
import { frameless } from './frameless.ts'

/** How fast many orders went, and what became of each kind. */
export function loadLines(report: LoadReport, colors: Colors): string {
  const { count, seed, durationMs, sagasPerSecond, latencyMs, kinds } = report
  const table = new Table({
    ...frameless,
    head: ['orders', 'placed', 'as expected', 'must end'].map((text) => colors.dim(text)),
    colAligns: ['left', 'right', 'right', 'left'],
  })
  for (const [kind, { placed, asExpected }] of Object.entries(kinds)) {
    const paint = placed === asExpected ? colors.green : colors.red
    const { outcome, events } = expectations[kind as OrderKind]
    table.push([
      kind,
      placed,
      paint(String(asExpected)),
      colors.dim(`${outcome} after ${events.length} events`),
    ])
  }
  const { p50, p90, p99, max } = latencyMs
  return [
    `${count} orders (seed ${seed}) in ${(durationMs / 1_000).toFixed(1)} s: ${colors.bold(`${sagasPerSecond.toFixed(0)} sagas/s`)}`,
    `POST to end: p50 ${p50.toFixed(0)} ms, p90 ${p90.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, max ${max.toFixed(0)} ms ${colors.dim('(waiting behind the others included)')}`,
    '',
    table.toString(),
  ].join('\n')
}
