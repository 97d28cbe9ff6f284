import type { Verdict } from '../checks/check.ts'
import type { FaultKind } from '../faults/schedule.ts'

/** What became of a run. */
export interface Report {
  readonly ok: boolean
  readonly seed: number
  readonly replay: string
  /** For how long orders were placed and faults injected. */
  readonly loadMs: number
  /** From the last order, and the last fault, until nothing moved any more. */
  readonly drainMs: number
  readonly orders: number
  readonly completed: number
  /** Orders for which somebody was silent for too long. */
  readonly givenUp: number
  /** Events that were set aside for a person, in all services. */
  readonly deadLetters: number
  readonly ordersPerSecond: number
  /** Events that were published, each once. */
  readonly events: number
  /** Records that were published again under their id. */
  readonly duplicates: number
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>
  /** How often a process was started. */
  readonly starts: number
  /** How many things each check found wrong. */
  readonly checks: Readonly<Record<string, number>>
  /** What is wrong, a sentence each: the first few of each kind. */
  readonly problems: readonly string[]
  /** Where logs and data are, if they were kept. */
  readonly folder: string | undefined
}

export function checksOf({ counts }: Verdict, others: Readonly<Record<string, number>>): Report['checks'] {
  return { ...others, ...counts }
}

/** The report for a person. */
export function tableOf(report: Report): string {
  const {
    faults,
    checks,
    orders,
    completed,
    givenUp,
    deadLetters,
    events,
    duplicates,
    starts,
    loadMs,
    drainMs,
  } = report
  const rows = columns(
    ['fault', 'times', 'check', 'found wrong'],
    Object.entries(faults),
    Object.entries(checks),
  )
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
  const lines = [
    `${orders} orders, of which ${completed} were completed and ${givenUp} given up, over ${seconds(loadMs)}: ${report.ordersPerSecond.toFixed(0)} a second`,
    `${events} events, and ${duplicates} records that were published again; ${deadLetters} dead letters, each redriven once`,
    `${starts} starts of processes; at rest ${seconds(drainMs)} after the last order and the last fault`,
  ]
  return [...rows, '', ...lines].join('\n')
}

/** Two lists of names and numbers beside each other. */
function columns(
  head: readonly string[],
  left: readonly (readonly [string, number])[],
  right: readonly (readonly [string, number])[],
): readonly string[] {
  const rows = Array.from({ length: Math.max(left.length, right.length) }, (_, at) =>
    [...(left[at] ?? ['', '']), ...(right[at] ?? ['', ''])].map(String),
  )
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
