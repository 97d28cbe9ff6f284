import { balanceTable } from '../draw/balance-table.ts'
import type { Colors } from '../terminal/terminal.ts'
import type { DemoReport } from './demo-report.ts'

/** The end of the drawing: the sums on both sides, and the verdict in one line. */
export function summary(
  {
    ok,
    stories,
    balance,
    troubles,
    timings,
  }: Pick<DemoReport, 'ok' | 'stories' | 'balance' | 'troubles'> & {
    readonly timings: { readonly playedMs: number }
  },
  colors: Colors,
): string {
  const good = stories.filter((story) => story.ok).length
  const verdict = [
    ...(stories.length > 0 ? [`${good} of ${stories.length} stories ended as they should`] : []),
    balance.ok ? 'money and stock balance' : 'money or stock do not balance',
    ...(troubles.length > 0 ? [`${troubles.length} dead letters or unreadable records`] : []),
    `${(timings.playedMs / 1_000).toFixed(1)} s`,
  ].join(', ')
  return [
    '',
    `${colors.bold('The sums')} ${colors.dim('by all events on Kafka, and by what the services answer over HTTP')}`,
    balanceTable(balance, colors),
    '',
    ok ? colors.green(`✓ ${verdict}`) : colors.red(`✗ ${verdict}`),
  ].join('\n')
}
